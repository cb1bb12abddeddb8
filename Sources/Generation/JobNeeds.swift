/// What a job asks of the machine, known by shapes alone before anything is computed.
public struct JobNeeds: Equatable, Sendable {
    /// Floating-point operations of one unit of work of each phase, with guidance where the job has it;
    /// what one costs is put in proportion to them until it has been measured.
    public struct Operations: Equatable, Sendable {
        public var textEncoding: Double
        public var imageEncoding: Double
        public var baseStep: Double
        public var refinerStep: Double
        public var decoding: Double

        public init(
            textEncoding: Double, imageEncoding: Double, baseStep: Double, refinerStep: Double,
            decoding: Double
        ) {
            self.textEncoding = textEncoding
            self.imageEncoding = imageEncoding
            self.baseStep = baseStep
            self.refinerStep = refinerStep
            self.decoding = decoding
        }
    }

    public var operations: Operations
    /// The most memory that one unit of its work takes while it runs, beyond mapped files and what is
    /// kept.
    public var workByteCount: Int
    /// What is kept from its first unit to its end, also while it waits between two units.
    public var keptByteCount: Int

    public init(operations: Operations, workByteCount: Int, keptByteCount: Int) {
        self.operations = operations
        self.workByteCount = workByteCount
        self.keptByteCount = keptByteCount
    }

    /// As much as either.
    public mutating func rise(to other: JobNeeds) {
        workByteCount = max(workByteCount, other.workByteCount)
        keptByteCount = max(keptByteCount, other.keptByteCount)
        operations = Operations(
            textEncoding: max(operations.textEncoding, other.operations.textEncoding),
            imageEncoding: max(operations.imageEncoding, other.operations.imageEncoding),
            baseStep: max(operations.baseStep, other.operations.baseStep),
            refinerStep: max(operations.refinerStep, other.operations.refinerStep),
            decoding: max(operations.decoding, other.operations.decoding))
    }

    /// Of the job alone.
    public var byteCount: Int { workByteCount + keptByteCount }
}

extension JobNeeds {
    /// SDXL's operations in proportion to the pixels, and no memory: for a generator that knows no better.
    ///
    /// Against one pass of SDXL's base UNet, the mean of 512 x 512 (1.589 TFLOP: 1.619 for the refiner,
    /// 2.51 for the decoder, 1.12 for the encoder) and 1024 x 1024 (6.761: 7.286, 10.5 and 4.89).
    public init(_ job: GenerationJob, _ plan: GenerationPlan) {
        let pass = 6.2e6 * Double(plan.size.width) * Double(plan.size.height)
        self.init(
            operations: Operations(
                textEncoding: 0, imageEncoding: 0.71 * pass,
                baseStep: Double(job.passes(of: .base)) * pass,
                refinerStep: Double(job.passes(of: .refiner)) * 1.05 * pass,
                decoding: 1.57 * pass), workByteCount: 0, keptByteCount: 0)
    }
}

extension GenerationJob {
    /// Passes through a network that one step takes: 2 with guidance.
    public func passes(of expert: Phase) -> Int {
        let scale = expert == .refiner ? refiner?.cfgScale ?? cfgScale : cfgScale
        return scale > 1 ? 2 : 1
    }
}
