internal import Generation

/// What an image was predicted to become after a step, to be drawn and told.
struct PreviewOrder: Sendable {
    let job: ScheduledJob
    let imageIndex: Int
    /// Finished steps of the image.
    let step: Int
    let draw: @Sendable () -> Picture
}

/// Those that wait to be drawn: of each job the latest, since an older one is worth nothing beside it.
struct PreviewOrders {
    enum Next {
        case draw(PreviewOrder)
        case end
    }

    private var waiting: [PreviewOrder] = []
    private var isClosed = false

    mutating func add(_ order: PreviewOrder) {
        if let index = waiting.firstIndex(where: { $0.job === order.job }) {
            waiting[index] = order
        } else {
            waiting.append(order)
        }
    }

    /// Nil while there is nothing to do.
    mutating func next() -> Next? {
        if isClosed { return .end }
        return waiting.isEmpty ? nil : .draw(waiting.removeFirst())
    }

    /// Nothing is drawn any more.
    mutating func close() {
        isClosed = true
        waiting = []
    }
}
