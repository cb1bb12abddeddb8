public import Foundation
internal import Tensors
internal import Tokenization
internal import Weights

/// Records every intermediate of one job under the names of the reference vectors, so that another
/// engine's tensors can be laid beside them. Used by one run; the images of a job are stacked.
public final class TraceRecorder: @unchecked Sendable {
    private struct Stack {
        var itemShape: [Int]
        /// Evaluations of one image, or 1.
        var items: [[Float]]
    }

    private var integers: [(name: String, rows: [[Int32]])] = []
    private var doubles: [(name: String, values: [Double])] = []
    private var plain: [(name: String, shape: [Int], values: [Float])] = []
    /// Per image: name to what was recorded for it, in order.
    private var images: [[String: Stack]] = []
    private var pixels: [(shape: [Int], values: [UInt8])] = []

    public init() {}

    func tokens(
        _ first: [[PromptChunk]]?, _ second: [[PromptChunk]], hasNegative: Bool, isBase: Bool
    ) {
        let expert = isBase ? "base" : "refiner"
        for (number, texts) in [(1, first), (2, second)] {
            guard let texts else { continue }
            let rows = texts.map { $0.map(\.tokens.ids) }
            if hasNegative {
                integers.append(("tokens.\(expert).negative.\(number)", rows[0]))
            }
            integers.append(("tokens.\(expert).\(number)", rows[rows.count - 1]))
        }
    }

    func conditioning(
        states: Activation, pooled: Activation, timeIDs: [[Float]], isBase: Bool
    ) {
        let expert = isBase ? "base" : "refiner"
        plain.append(
            (
                "\(expert).encoder_hidden_states",
                [states.images, states.tokens, states.channels], copy(states)
            ))
        plain.append(("\(expert).text_embeds", [pooled.images, pooled.channels], copy(pooled)))
        plain.append(
            (
                "\(expert).time_ids", [timeIDs.count, timeIDs.first?.count ?? 0],
                timeIDs.flatMap { $0 }
            ))
    }

    func schedule(timesteps: [Double], sigmas: [Double]) {
        doubles = [("timesteps", timesteps), ("sigmas", sigmas)]
    }

    func beginImage() {
        images.append([:])
    }

    func noise(_ latents: [Float], height: Int, width: Int) {
        record("noise", [4, height, width], latents)
    }

    func picture(_ encoding: PictureEncoding, height: Int, width: Int) {
        let shape = [1, 4, height, width]
        plain.append(("vae.mean", shape, encoding.mean))
        plain.append(("vae.std", shape, encoding.deviation))
        if let mask = encoding.mask {
            plain.append(("mask", [1, 1, height, width], mask.isNew.map { $0 ? 1 : 0 }))
        }
    }

    func start(encoded: [Float], noised: [Float], height: Int, width: Int) {
        record("latents.encoded", [4, height, width], encoded)
        record("latents.start", [4, height, width], noised)
    }

    /// Only the first of each expert is kept.
    func prediction(_ prediction: [Float], height: Int, width: Int, isRefiner: Bool) {
        let name = isRefiner ? "eps.refiner" : "eps.base"
        if images[images.count - 1][name] == nil {
            record(name, [4, height, width], prediction)
        }
    }

    func step(_ latents: [Float], height: Int, width: Int) {
        record("latents.steps", [4, height, width], latents)
    }

    func handoff(_ latents: [Float]) {
        record("latents.handoff", like: "noise", latents)
    }

    func final(_ latents: [Float]) {
        record("latents.final", like: "noise", latents)
    }

    func image(_ decoded: Activation, pixels: [UInt8]) {
        var planes = [Float](repeating: 0, count: decoded.count)
        for token in 0..<decoded.tokens {
            for channel in 0..<decoded.channels {
                planes[channel * decoded.tokens + token] =
                    decoded.data[token * decoded.channels + channel]
            }
        }
        record("image", [decoded.channels, decoded.height, decoded.width], planes)
        self.pixels.append(([decoded.height, decoded.width, decoded.channels], pixels))
    }

    /// All of it as a `.safetensors` file.
    public func serialized() -> Data {
        var writer = SafetensorsWriter()
        for (name, rows) in integers {
            writer.add(name, shape: [rows.count, rows.first?.count ?? 0], rows.flatMap { $0 })
        }
        for (name, values) in doubles {
            writer.add(name, shape: [values.count], values)
        }
        for (name, shape, values) in plain {
            writer.add(name, shape: shape, values)
        }
        for name in images.first?.keys.sorted() ?? [] {
            let stacks = images.compactMap { $0[name] }
            guard let first = stacks.first, stacks.count == images.count else { continue }
            if name == "latents.steps" {
                // [evaluations, images, 4, height, width]
                let values = first.items.indices.flatMap { index in
                    stacks.flatMap { $0.items[index] }
                }
                writer.add(
                    name, shape: [first.items.count, stacks.count] + first.itemShape, values)
            } else {
                writer.add(
                    name, shape: [stacks.count] + first.itemShape,
                    stacks.flatMap { $0.items.flatMap { $0 } })
            }
        }
        if let first = pixels.first {
            writer.add(
                "image_u8", shape: [pixels.count] + first.shape, pixels.flatMap { $0.values })
        }
        return writer.serialized()
    }

    private func record(_ name: String, _ shape: [Int], _ values: [Float]) {
        images[images.count - 1][name, default: Stack(itemShape: shape, items: [])]
            .items.append(values)
    }

    private func record(_ name: String, like other: String, _ values: [Float]) {
        record(name, images[images.count - 1][other]?.itemShape ?? [values.count], values)
    }

    private func copy(_ activation: Activation) -> [Float] {
        Array(UnsafeBufferPointer(start: activation.data, count: activation.count))
    }
}
