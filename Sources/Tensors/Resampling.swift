internal import CKernels

/// Pictures at another size: bilinear where they are enlarged, means where they are reduced.
public enum Resampling {
    public typealias Size = (height: Int, width: Int)

    /// - Parameter pixels: 8-bit RGB, [height, width, 3]; so is what comes of it.
    public static func resampled(_ pixels: [UInt8], _ size: Size, to newSize: Size) -> [UInt8] {
        precondition(pixels.count == 3 * size.height * size.width)
        let values = [Float](unsafeUninitializedCapacity: pixels.count) { out, count in
            if let base = out.baseAddress { refinery_from_pixels(base, pixels, pixels.count) }
            count = pixels.count
        }
        return rounded(resampled(values, size, to: newSize))
    }

    /// - Parameter values: [height, width, 3]; so is what comes of it.
    static func resampled(_ values: [Float], _ size: Size, to newSize: Size) -> [Float] {
        let newCount = 3 * newSize.height * newSize.width
        var scratch = [Float](repeating: 0, count: 3 * size.height * newSize.width)
        return [Float](unsafeUninitializedCapacity: newCount) { out, count in
            refinery_resample(
                out.baseAddress, newSize.height, newSize.width, values, size.height, size.width,
                &scratch)
            count = newCount
        }
    }

    /// 8-bit values of -1...1.
    static func rounded(_ values: [Float]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: values.count) { out, count in
            if let base = out.baseAddress { refinery_to_pixels(base, values, values.count) }
            count = values.count
        }
    }
}
