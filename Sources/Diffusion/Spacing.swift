/// How the steps of a schedule are spread over the noise levels.
public enum Spacing: String, Sendable, CaseIterable {
    /// Every (1000 / steps)-th timestep, counted from 1: SDXL's own.
    case leading
    /// Every (1000 / steps)-th timestep, counted down from 999.
    case trailing
    /// Evenly from 999 to 0, both ends included.
    case linspace
    /// Even in sigma^(1/7): crowds at low noise (Karras et al. 2022, equation 5).
    case karras
    /// Even in log sigma.
    case exponential
    /// Sigmas at the quantiles of a Beta(0.6, 0.6) distribution: crowds at both ends (Lee et al. 2024).
    case beta

    /// Whether sigmas are laid out first and timesteps follow from them, or the other way round.
    public var isOverSigmas: Bool {
        switch self {
        case .leading, .trailing, .linspace: false
        case .karras, .exponential, .beta: true
        }
    }
}
