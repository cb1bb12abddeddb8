internal import CKernels

extension WeightTensor {
    /// A matrix turned over, as float32 in memory of its own: for the few small ones that a file
    /// stores the other way round.
    public func transposed() -> WeightTensor {
        precondition(shape.count == 2)
        let (rows, columns) = (shape[0], shape[1])
        let copy = OwnedFloats(count: rows * columns)
        let scratch = OwnedFloats(count: rows * columns)
        // A matrix is one filter of `rows` channels and `columns` taps.
        refinery_widen_filters(
            copy.start, bytes, dtype.kernel, 1, rows, columns, rows, scratch.start)
        return WeightTensor(
            name: name, dtype: .float32, shape: [columns, rows],
            bytes: UnsafeRawPointer(copy.start),
            owner: copy)
    }
}

private final class OwnedFloats {
    let start: UnsafeMutablePointer<Float>

    init(count: Int) {
        start = .allocate(capacity: count)
    }

    deinit {
        start.deallocate()
    }
}
