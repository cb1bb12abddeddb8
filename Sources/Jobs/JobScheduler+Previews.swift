internal import Generation
internal import Glibc
internal import Metrics
internal import PNGEncoding

// Previews: a lane hands over what is to be drawn and goes on; a thread of its own draws it, makes a PNG of
// it and tells it, when the processors have nothing better to do.
extension JobScheduler {
    /// To be called by lanes. Where previews are wanted faster than they are drawn, older ones are left out.
    func offer(_ order: PreviewOrder) {
        previewOrders.withLock { $0.add(order) }
        previewOrders.notify()
    }

    func runPreviews() {
        // On Linux, 0 is the calling thread and not its process.
        setpriority(Int32(PRIO_PROCESS.rawValue), 0, 19)
        while case .draw(let order) = previewOrders.wait(until: { $0.next() }) {
            let picture = order.draw()
            let image = DecodedImage(
                imageIndex: order.imageIndex, size: picture.size, seed: 0, pixels: picture.pixels)
            // One that cannot be written is missed by nobody.
            guard let png = try? PNGEncoder().encode(image) else { continue }
            change {
                if !$0.isAbandoned {
                    $0.show(Event.Progress.Preview(png: png, step: order.step), of: order)
                }
            }
        }
    }

    /// Returns when nothing is drawn any more.
    func stopPreviews() {
        previewOrders.withLock { $0.close() }
        previewOrders.notify()
        let thread = previewThread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }
}
