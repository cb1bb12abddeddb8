internal import Generation

extension Event {
    /// Whether a later event makes this one worthless.
    var isReplaceable: Bool {
        switch content {
        case .queued, .progress: true
        case .accepted, .handedOff, .image, .resumed, .ended: false
        }
    }

    /// The same news, told again when nothing has happened for a while.
    func repeated(sequence: UInt64, after time: Duration) -> Event {
        var event = self
        event.sequence = sequence
        event.timeMilliseconds += Int64(time / .milliseconds(1))
        if case .progress(var progress) = content {
            progress.preview = nil
            progress.elapsedSeconds += time / .seconds(1)
            progress.etaSeconds = progress.etaSeconds.map { max(0, $0 - time / .seconds(1)) }
            event.content = .progress(progress)
        }
        return event
    }
}
