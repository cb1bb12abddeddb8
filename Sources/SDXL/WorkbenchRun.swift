public import Foundation
public import Generation
public import Tensors
internal import Weights

/// One part of a generation with threads, memory and inputs of its own: what it takes is given back with
/// it. One caller at a time.
public final class WorkbenchRun {
    public let part: Workbench.Part
    /// Of the picture.
    public let size: ImageSize
    /// In the batch; 2 are both halves of guidance.
    public let images: Int
    /// Nominal floating-point operations of one run: see `OperationCount`.
    public let operationCount: Int
    public let compute: Compute
    private let inputs: [Named]
    private let forward: (Compute) -> [Named]

    /// A tensor as other engines have it.
    struct Named {
        var name: String
        var value: Value
        /// Of the value's memory, where that is not the arena.
        var owner: PromptEncoding?

        enum Value {
            /// [images, height * width, channels] here, [images, channels, height, width] there.
            case picture(Activation)
            /// [images, tokens, channels]
            case text(Activation)
            /// [images, channels]
            case vector(Activation)
            case numbers([[Float]])
            case ids([[Int32]])
        }
    }

    init(
        _ part: Workbench.Part, size: ImageSize, images: Int, operationCount: Int,
        compute: Compute, inputs: [Named], forward: @escaping (Compute) -> [Named]
    ) {
        self.part = part
        self.size = size
        self.images = images
        self.operationCount = operationCount
        self.compute = compute
        self.inputs = inputs
        self.forward = forward
    }

    public func run() {
        compute.scoped { _ = forward(compute) }
    }

    /// Runs once and gives inputs and outputs as a `.safetensors` file, so that another engine can be
    /// given the one and held against the other.
    public func record() -> Data {
        compute.scoped {
            var writer = SafetensorsWriter()
            for tensor in inputs + forward(compute) {
                tensor.add(to: &writer)
            }
            return writer.serialized()
        }
    }
}

extension WorkbenchRun.Named {
    func add(to writer: inout SafetensorsWriter) {
        switch value {
        case .picture(let view):
            writer.add(
                name, shape: [view.images, view.channels, view.height, view.width], view.planes)
        case .text(let view):
            writer.add(name, shape: [view.images, view.tokens, view.channels], view.values)
        case .vector(let view):
            writer.add(name, shape: [view.images, view.channels], view.values)
        case .numbers(let rows):
            writer.add(name, shape: [rows.count, rows.first?.count ?? 0], rows.flatMap(\.self))
        case .ids(let rows):
            writer.add(name, shape: [rows.count, rows.first?.count ?? 0], rows.flatMap(\.self))
        }
    }
}

extension Activation {
    fileprivate var values: [Float] { Array(UnsafeBufferPointer(start: data, count: count)) }

    /// [images, channels, height, width]
    fileprivate var planes: [Float] {
        (0..<images).flatMap { index in
            let tokens = image(index)
            return (0..<channels).flatMap { channel in
                (0..<self.tokens).map { tokens[$0 * channels + channel] }
            }
        }
    }
}
