/// What an SDXL U-Net predicts.
///
/// Checkpoints that do not predict the noise carry an otherwise empty tensor to say so, which other
/// engines look for too; the metadata of the `modelspec` convention may say it as well.
public enum PredictionType: String, Sendable {
    case epsilon
    case v
    /// Noise levels and preconditioning of EDM (Karras et al. 2022, table 1).
    case edm = "EDM"

    public init(_ file: ModelFile) {
        if ["edm_mean", "edm_std", "edm_vpred.sigma_max"].contains(where: { file.contains($0) }) {
            self = .edm
        } else if file.contains("v_pred") || file.metadata["modelspec.prediction_type"] == "v" {
            self = .v
        } else {
            self = .epsilon
        }
    }
}
