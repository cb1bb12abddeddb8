extension Profile {
    /// Work that runs against the same limit.
    public enum Kind: String, CaseIterable, Sendable {
        /// Products of activations with matrices of weights. Strassen's sums of weights are part of them.
        case products
        case attention
        /// 3x3 convolutions. What Winograd does to filters and outputs is part of them.
        case convolution
        case norms
        /// Weights to float32.
        case widening
        /// Of activations, for Winograd's and Strassen's products.
        case transforms
        case elementwise
        /// What lies between the layers.
        case rest
    }

    /// One kind of work on one set of sizes.
    public struct Work: Hashable, Sendable {
        public let kind: Kind
        /// Such as `linear 2048x1280->10240`.
        public let name: String
        /// Floating-point operations that it is for, as many as without any shortcut and wherever inside
        /// they are done; 0 where memory sets the pace.
        public let operations: Int
        /// Read and written, once each; 0 where arithmetic sets the pace.
        public let byteCount: Int

        public init(_ kind: Kind, _ name: String, operations: Int = 0, byteCount: Int = 0) {
            self.kind = kind
            self.name = name
            self.operations = operations
            self.byteCount = byteCount
        }

        static func product(_ name: String, m: Int, k: Int, n: Int) -> Work {
            Work(.products, "\(name) \(m)x\(k)->\(n)", operations: 2 * m * k * n)
        }

        static func linear(_ input: Activation, _ layer: Linear) -> Work {
            product("linear", m: input.rows, k: layer.inputs, n: layer.outputs)
        }

        static func convolution(_ input: Activation, to output: Activation) -> Work {
            Work(
                .convolution,
                "conv 3x3 \(output.size) \(input.channels)->\(output.channels)",
                operations: 2 * 9 * output.rows * input.channels * output.channels)
        }

        static func attention(_ queries: Activation, _ keys: Activation, head: Int) -> Work {
            Work(
                .attention, "attention \(queries.rows)x\(keys.tokens) \(queries.channels)/\(head)",
                operations: 4 * queries.count * keys.tokens)
        }

        static func norm(_ name: String, _ input: Activation, passes: Int) -> Work {
            Work(
                .norms, "\(name) \(input.rows)x\(input.channels)",
                byteCount: 4 * passes * input.count)
        }

        static func widening(_ dtype: WeightTensor.DType, rows: Int = 1, columns: Int) -> Work {
            Work(
                .widening, "widen \(rows)x\(columns)",
                byteCount: (dtype.byteCount + 4) * rows * columns)
        }

        static func transforms(_ name: String, rows: Int, channels: Int, floats: Int) -> Work {
            Work(.transforms, "\(name) \(rows)x\(channels)", byteCount: 4 * floats)
        }

        static func transforms(_ name: String, _ input: Activation, floats: Int) -> Work {
            transforms(name, rows: input.rows, channels: input.channels, floats: floats)
        }

        /// - Parameter passes: how many times as many floats are read and written as `output` has.
        static func elementwise(_ name: String, _ output: Activation, passes: Int) -> Work {
            Work(
                .elementwise, "\(name) \(output.rows)x\(output.channels)",
                byteCount: 4 * passes * output.count)
        }
    }
}

extension Activation {
    fileprivate var size: String { (images == 1 ? "" : "\(images)x") + "\(height)x\(width)" }
}
