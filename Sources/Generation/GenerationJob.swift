/// A checked request: every value is within its range, every default is filled in. Nothing later
/// checks again. What depends on the model's file is checked by ``ImageGenerator/plan(_:)``.
public struct GenerationJob: Equatable, Sendable {
    public var requestID: String
    public var positivePrompt: String
    public var negativePrompt: String?
    public var positivePrompt2: String?
    public var negativePrompt2: String?
    public var model: String
    public var size: ImageSize
    public var steps: Int
    /// As the caller wrote it; `Default` is the model's own.
    public var scheduler: String
    /// One per image: image i uses the first seed + i.
    public var seeds: [Int64]
    public var cfgScale: Double
    public var originalSize: ImageSize?
    public var cropTopLeft: ImagePoint
    public var targetSize: ImageSize?
    public var negativeOriginalSize: ImageSize?
    public var negativeCropTopLeft: ImagePoint
    public var negativeTargetSize: ImageSize?
    public var refiner: Refiner?

    public struct Refiner: Equatable, Sendable {
        public var model: String
        public var start: HandoffUnit
        public var cfgScale: Double
        public var positivePrompt: String
        public var negativePrompt: String?
        public var aestheticScore: Double
        public var negativeAestheticScore: Double
    }

    /// The unit in which the caller named the handoff.
    public enum HandoffUnit: Equatable, Sendable {
        case step(Int)
        case percentage(Int)
        case timestep(Double)
        case sigma(Double)
    }
}
