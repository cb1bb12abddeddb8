/// One tensor of a model file, in place: nothing is copied or widened until a product reads it.
///
/// Row-major, little-endian, at any alignment. `owner` keeps the mapping alive.
public struct WeightTensor: @unchecked Sendable {
    public let name: String
    public let dtype: DType
    public let shape: [Int]
    public let elementCount: Int
    public let bytes: UnsafeRawPointer
    private let owner: AnyObject

    public enum DType: Int32, Sendable {
        case float32 = 0
        case float16 = 1
        case bfloat16 = 2

        public var byteCount: Int { self == .float32 ? 4 : 2 }
    }

    /// `bytes` holds `shape`'s product of elements for as long as `owner` lives.
    public init(
        name: String, dtype: DType, shape: [Int], bytes: UnsafeRawPointer, owner: AnyObject
    ) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        elementCount = shape.reduce(1, *)
        self.bytes = bytes
        self.owner = owner
    }
}
