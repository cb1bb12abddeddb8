internal import CKernels

/// What flows through the networks: float32, token-major, [images, height * width, channels]. A text
/// is a picture of one row. A view of arena memory, valid until its mark is released.
public struct Activation {
    public let data: UnsafeMutablePointer<Float>
    public let images: Int
    public let height: Int
    public let width: Int
    public let channels: Int

    /// Tokens of one image.
    public var tokens: Int { height * width }
    /// Tokens of all images.
    public var rows: Int { images * tokens }
    public var count: Int { rows * channels }

    public init(
        data: UnsafeMutablePointer<Float>, images: Int, height: Int, width: Int, channels: Int
    ) {
        self.data = data
        self.images = images
        self.height = height
        self.width = width
        self.channels = channels
    }

    /// The tokens of one image.
    public func image(_ index: Int) -> UnsafeMutablePointer<Float> {
        data + index * tokens * channels
    }

    /// Images `range`, in place.
    public func images(_ range: Range<Int>) -> Activation {
        Activation(
            data: image(range.lowerBound), images: range.count, height: height, width: width,
            channels: channels)
    }
}

extension Compute {
    /// A new activation of any value.
    public func activation(
        images: Int, height: Int, width: Int, channels: Int
    ) -> Activation {
        Activation(
            data: arena.floats(images * height * width * channels), images: images, height: height,
            width: width, channels: channels)
    }

    /// A new activation of any value, shaped as `other` but for its channels.
    public func activation(like other: Activation, channels: Int? = nil) -> Activation {
        activation(
            images: other.images, height: other.height, width: other.width,
            channels: channels ?? other.channels)
    }

    /// Runs `body` and gives back the arena memory that it took.
    public func scoped<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let mark = arena.mark()
        defer { arena.release(to: mark) }
        return try body()
    }

    /// A new activation with `[left, right]` in each token.
    public func concatenate(_ left: Activation, _ right: Activation) -> Activation {
        precondition(left.rows == right.rows)
        let out = activation(like: left, channels: left.channels + right.channels)
        profile?.begin(.elementwise("concatenate", out, passes: 2))
        defer { profile?.end() }
        forEachBlock(of: left.rows, operations: out.count) { rows in
            refinery_concatenate(
                out.data + rows.lowerBound * out.channels,
                left.data + rows.lowerBound * left.channels, left.channels,
                right.data + rows.lowerBound * right.channels, right.channels, rows.count)
        }
        return out
    }

    /// target += other
    public func add(_ other: Activation, to target: Activation) {
        precondition(other.count == target.count)
        profile?.begin(.elementwise("add", target, passes: 3))
        defer { profile?.end() }
        forEachBlock(of: target.rows, operations: target.count) { rows in
            let start = rows.lowerBound * target.channels
            refinery_add(target.data + start, other.data + start, rows.count * target.channels)
        }
    }

    /// `out` = each token's first half of the channels times the GELU of the second half.
    func geglu(_ input: Activation, into out: Activation) {
        profile?.begin(.elementwise("geglu", out, passes: 3))
        defer { profile?.end() }
        forEachBlock(of: input.rows, operations: 32 * out.count) { rows in
            refinery_geglu(
                out.data + rows.lowerBound * out.channels,
                input.data + rows.lowerBound * input.channels, rows.count, out.channels)
        }
    }

    /// data = activation(data)
    public func activate(_ input: Activation, _ kind: ActivationFunction) {
        profile?.begin(.elementwise("activate", input, passes: 2))
        defer { profile?.end() }
        refinery_activate(input.data, input.count, kind.kernel)
    }

    public func allFinite(_ input: Activation) -> Bool {
        refinery_all_finite(input.data, input.count)
    }

    /// 8-bit values of -1...1, rounded half to even.
    public func pixels(of input: Activation) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: input.count) { buffer, count in
            if let base = buffer.baseAddress {
                refinery_to_pixels(base, input.data, input.count)
            }
            count = input.count
        }
    }

    /// A new activation of one image, in -1...1.
    ///
    /// - Parameter pixels: [height, width, 3].
    public func activation(ofPixels pixels: [UInt8], height: Int, width: Int) -> Activation {
        precondition(pixels.count == height * width * 3)
        let out = activation(images: 1, height: height, width: width, channels: 3)
        refinery_from_pixels(out.data, pixels, pixels.count)
        return out
    }

    /// Fixed blocks of rows, spread over the threads.
    func forEachBlock(of rows: Int, operations: Int, _ body: (Range<Int>) -> Void) {
        let block = 64
        forEachTile((rows + block - 1) / block, operations: operations) { index, _ in
            body(index * block..<min(rows, (index + 1) * block))
        }
    }
}

/// Element-wise functions between layers.
public enum ActivationFunction: Sendable {
    case none
    case silu
    /// x * Phi(x), exactly.
    case gelu
    /// CLIP-L's x * sigmoid(1.702 x).
    case quickGELU

    var kernel: refinery_activation {
        switch self {
        case .none: refinery_activation_none
        case .silu: refinery_activation_silu
        case .gelu: refinery_activation_gelu
        case .quickGELU: refinery_activation_quick_gelu
        }
    }
}
