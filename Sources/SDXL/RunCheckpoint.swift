internal import Diffusion
internal import Generation

/// The stored form of a run between two steps of an image. Texts, pictures and weights are not in it:
/// the run that goes on has them from the same job and files.
struct RunCheckpoint {
    let checkpoint: GenerationCheckpoint
    /// SHA-256 of the latents that the refiner took over, if it has.
    let handoffDigest: [UInt8]?
    /// Steps that were run before some were left out, if any were.
    let stepsBeforeCut: Int?
    /// Whether the base's state at the handoff is behind the image's own.
    private let hasTrunk: Bool
    /// Behind the header.
    private let reader: StateReader

    /// Raised when the form changes: an older one then cannot be gone on from.
    private static let format: UInt32 = 2
    private static let digestByteCount = 32

    static func make(
        image: Int, step: Int, handoffDigest: [UInt8]?, stepsBeforeCut: Int?, denoiser: Denoiser,
        trunk: Denoiser?
    ) -> GenerationCheckpoint {
        var writer = StateWriter()
        writer.write(format)
        writer.write(handoffDigest ?? [])
        writer.write(Int64(stepsBeforeCut ?? 0))
        writer.write(UInt8(trunk == nil ? 0 : 1))
        denoiser.write(to: &writer)
        trunk?.write(to: &writer)
        return GenerationCheckpoint(imageIndex: image, step: step, state: writer.bytes)
    }

    /// - Throws: DATA_LOSS for one that cannot be of this plan.
    init(_ checkpoint: GenerationCheckpoint, _ plan: GenerationPlan) throws(GenerationError) {
        let steps = 0...plan.stepCount
        guard (0..<plan.imageCount).contains(checkpoint.imageIndex), steps.contains(checkpoint.step)
        else {
            throw .damagedCheckpoint(
                "it stands at step \(checkpoint.step) of image \(checkpoint.imageIndex + 1)")
        }
        self.checkpoint = checkpoint
        var reader = StateReader(checkpoint.state)
        var digest: [UInt8] = []
        var stepsRun = 0
        var trunkMark: UInt8 = 0
        if checkpoint.step > 0 {
            do throws(DamagedState) {
                let format = try reader.read(UInt32.self)
                guard format == Self.format else {
                    throw DamagedState("its form is \(format), and \(Self.format) is read here")
                }
                digest = try reader.readBytes(atMost: Self.digestByteCount)
                stepsRun = try reader.readIndex(in: steps)
                trunkMark = try reader.read(UInt8.self)
            } catch {
                throw .damagedCheckpoint("\(error)")
            }
        }
        handoffDigest = digest.isEmpty ? nil : digest
        stepsBeforeCut = stepsRun == 0 ? nil : stepsRun
        hasTrunk = trunkMark != 0
        self.reader = reader
    }

    /// Brings a denoiser that was made for the image to where the earlier one stood.
    ///
    /// - Parameter makeTrunk: makes another.
    /// - Returns: the base at the handoff of the image, if later images go on from there.
    func restore(
        _ denoiser: Denoiser, makeTrunk: () -> Denoiser
    ) throws(GenerationError) -> Denoiser? {
        var reader = reader
        do throws(DamagedState) {
            try denoiser.read(from: &reader)
            let trunk = hasTrunk ? makeTrunk() : nil
            try trunk?.read(from: &reader)
            try reader.finish()
            return trunk
        } catch {
            throw .damagedCheckpoint("\(error)")
        }
    }
}
