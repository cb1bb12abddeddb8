/// An activation that outlives the arena's marks: what a job keeps from step to step.
public final class OwnedActivation {
    public let view: Activation

    /// A copy of `activation`.
    public init(copying activation: Activation) {
        let data = UnsafeMutablePointer<Float>.allocate(capacity: activation.count)
        data.initialize(from: activation.data, count: activation.count)
        view = Activation(
            data: data, images: activation.images, height: activation.height,
            width: activation.width, channels: activation.channels)
    }

    deinit {
        view.data.deallocate()
    }
}
