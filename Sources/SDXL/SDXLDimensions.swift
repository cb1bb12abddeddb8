/// The sizes of one SDXL expert: all that is needed to name and shape every tensor of its original
/// single file. The engine reads sizes off the file instead; this is for making files up.
public struct SDXLDimensions: Equatable, Sendable {
    public var isRefiner: Bool
    /// Of each stage of the UNet, the highest resolution first.
    public var channels: [Int]
    /// Transformer blocks of each stage; 0 for a stage without attention.
    public var depths: [Int]
    public var middleDepth: Int
    /// Numbers that each size or score becomes.
    public var timeIDWidth: Int
    /// CLIP-L: only the base has it.
    public var clipL: Text?
    public var openCLIP: Text
    /// Of each stage of the VAE, the highest resolution first.
    public var vaeChannels: [Int]
    /// As the metadata `sdxl_hints` says it; nil where all are 64.
    public var hints: String?

    public struct Text: Equatable, Sendable {
        public var width: Int
        public var layers: Int

        public init(width: Int, layers: Int) {
            self.width = width
            self.layers = layers
        }
    }

    public init(
        isRefiner: Bool, channels: [Int], depths: [Int], middleDepth: Int, timeIDWidth: Int,
        clipL: Text?, openCLIP: Text, vaeChannels: [Int], hints: String? = nil
    ) {
        self.isRefiner = isRefiner
        self.channels = channels
        self.depths = depths
        self.middleDepth = middleDepth
        self.timeIDWidth = timeIDWidth
        self.clipL = clipL
        self.openCLIP = openCLIP
        self.vaeChannels = vaeChannels
        self.hints = hints
    }

    var contextWidth: Int { (clipL?.width ?? 0) + openCLIP.width }
    /// Of the vector beside the timestep: pooled text, then six sizes, or four and a score.
    var labelWidth: Int { openCLIP.width + (isRefiner ? 5 : 6) * timeIDWidth }

    /// As published (Podell et al. 2023, table 1, and the configuration in
    /// Stability-AI/generative-models: configs/inference/sd_xl_base.yaml).
    public static let base = SDXLDimensions(
        isRefiner: false, channels: [320, 640, 1280], depths: [0, 2, 10], middleDepth: 10,
        timeIDWidth: 256, clipL: Text(width: 768, layers: 12),
        openCLIP: Text(width: 1280, layers: 32), vaeChannels: [128, 256, 512, 512])

    /// As published (there: configs/inference/sd_xl_refiner.yaml).
    public static let refiner = SDXLDimensions(
        isRefiner: true, channels: [384, 768, 1536, 1536], depths: [0, 4, 4, 0], middleDepth: 4,
        timeIDWidth: 256, clipL: nil, openCLIP: Text(width: 1280, layers: 32),
        vaeChannels: [128, 256, 512, 512])
}
