internal import Generation

extension GenerationError {
    static let jobCancelled = GenerationError(
        .cancelled, code: "taskCancelled", "The job was cancelled.")

    static let deadlineExceeded = GenerationError(
        .deadlineExceeded, code: "timeout",
        "The deadline passed before the picture was done. Allow more time, or ask for fewer steps or "
            + "a smaller picture.", retryable: true)

    static let serverStopping = GenerationError(
        .unavailable, code: "serviceUnavailable",
        "The server is stopping and takes no jobs. Try again when it is back.", retryable: true)
}
