extension SchedulerName {
    typealias Entry = (name: String, algorithm: SamplerAlgorithm, spacing: Spacing)

    /// The public parameter contract's names for Stable Diffusion models, and diffusers' class names.
    static let table: [Entry] = [
        ("Default", .euler, .leading),
        ("Euler", .euler, .leading),
        ("EulerDiscreteScheduler", .euler, .leading),
        ("Euler Trailing", .euler, .trailing),
        ("Euler Linspace", .euler, .linspace),
        ("Euler Karras", .euler, .karras),
        ("Euler Exponential", .euler, .exponential),
        ("Euler Beta", .euler, .beta),
        ("Euler a", .eulerAncestral, .leading),
        ("EulerAncestralDiscreteScheduler", .eulerAncestral, .leading),
        ("Euler a Trailing", .eulerAncestral, .trailing),
        ("Euler a Linspace", .eulerAncestral, .linspace),
    ]

    /// Names of the contract that cannot work here, and why.
    static let unsupported: [(name: String, reason: String)] = [
        ("EDMEulerScheduler", edm),
        ("EDMDPMSolverMultistepScheduler", edm),
        ("FlowMatchEulerDiscreteScheduler", "is for flow-matching models, which SDXL is not"),
        ("DPMSolverMultistepInverse", "turns pictures into noise and makes none"),
    ]

    private static let edm = "is for models trained with EDM's noise, which SDXL was not"
}
