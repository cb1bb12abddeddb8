import CAllocationCounter
import CPNGShim
import Generation
import PNGEncoding
import Testing

/// What happens when libpng or zlib is refused memory, at every single allocation.
@Suite(.enabled(if: refinery_allocations_counted(), "a sanitizer has an allocator of its own"))
struct `Memory that runs out in a picture` {
    @Test(arguments: [false, true])
    func `is said so when it is written, and leaks nothing`(lasts: Bool) {
        let pixels = [UInt8](repeating: 100, count: 300 * 200 * 3)
        let texts = Array("parameters\0a fox\0".utf8CString)
        let png = UnsafeMutablePointer<refinery_png>.allocate(capacity: 1)
        defer { png.deallocate() }
        pixels.withUnsafeBufferPointer { pixels in
            texts.withUnsafeBufferPointer { texts in
                let (pixels, texts) = (pixels.baseAddress, texts.baseAddress)
                runOut(lasts: lasts) {
                    let code = refinery_png_encode(pixels, 300, 200, texts, 1, png)
                    refinery_png_free(png)
                    return code
                }
            }
        }
    }

    @Test(arguments: [PNGSample.rgb, .interlaced], [false, true])
    func `is said so when it is read, and leaks nothing`(sample: PNGSample, lasts: Bool) {
        let byteCount = sample.width * sample.height * 3
        let pixels = UnsafeMutablePointer<UInt8>.allocate(capacity: byteCount)
        let message = UnsafeMutablePointer<CChar>.allocate(
            capacity: Int(REFINERY_PNG_MESSAGE_BYTES))
        defer {
            pixels.deallocate()
            message.deallocate()
        }
        let (width, height) = (UInt32(sample.width), UInt32(sample.height))
        sample.file.withUnsafeBufferPointer { file in
            let (file, count) = (file.baseAddress, file.count)
            runOut(lasts: lasts) {
                refinery_png_decode(file, count, width, height, pixels, message)
            }
        }
        #expect(UnsafeBufferPointer(start: pixels, count: byteCount).elementsEqual(sample.rgb))
    }

    /// Has one allocation after the other fail, until there is none left to. The body is C alone: Swift
    /// cannot do without memory.
    private func runOut(lasts: Bool, _ body: () -> Int32) {
        for number in 1... {
            refinery_allocations_begin()
            refinery_allocations_fail(number, lasts)
            let code = body()
            let taken = refinery_allocations_end()
            #expect(taken.live_byte_count == 0, "allocation \(number)")
            if Int(code) == REFINERY_PNG_OK {
                #expect(number > 4)
                return
            }
            #expect(Int(code) == REFINERY_PNG_OUT_OF_MEMORY, "allocation \(number)")
        }
    }
}
