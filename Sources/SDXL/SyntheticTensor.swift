/// One tensor of a made-up model: its name, its shape and what is in it.
struct SyntheticTensor: Equatable {
    let name: String
    let shape: [Int]
    let fill: Fill
    /// What is set after the filling, by row-major position.
    var edits: [Edit] = []

    enum Fill: Equatable {
        /// float16, normal with this standard deviation around 0.
        case normal(Float)
        /// float16.
        case constant(Float)
        /// int64: 0, 1, 2...
        case positions
    }

    struct Edit: Equatable {
        let position: Int
        let value: Float
    }

    var elementCount: Int { shape.reduce(1, *) }
    var elementByteCount: Int { fill == .positions ? 8 : 2 }
    var byteCount: Int { elementCount * elementByteCount }
    var type: String { fill == .positions ? "I64" : "F16" }
}
