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

    /// For watchers of a job that outlives the server.
    static let serverSuspending = GenerationError(
        .unavailable, code: "serviceUnavailable",
        "The server is stopping. The job is kept and goes on by itself when the server is back: watch it "
            + "then, or send the same request with the same taskUUID again.", retryable: true)

    static let conflict = GenerationError(
        .alreadyExists, code: "conflictTaskUUID",
        "There is another job with this taskUUID, made by another request. Take another taskUUID; or "
            + "send that request again, unchanged, to get its pictures.", fields: ["taskUUID"])

    static let noRefiner = GenerationError(
        .failedPrecondition, code: "incompatibleParameters",
        "The job has no refiner to skip to. Cancel it with DISCARD or DECODE_NOW.",
        fields: ["outcome"])

    static let cannotCutPaused = GenerationError(
        .failedPrecondition, code: "taskPaused",
        "The job is paused: it has its preview. Resume it for a picture, or cancel it with DISCARD.",
        fields: ["outcome"])

    static func notPaused(_ id: JobID, _ state: JobState) -> GenerationError {
        GenerationError(
            .failedPrecondition, code: "taskNotPaused",
            "The job \(id.name.debugDescription) is \(state), and only a paused one can be resumed: that is "
                + "one whose request says pauseAt, once it has come there.", fields: ["taskUUID"])
    }

    static func imageNotFound(_ index: Int, of id: JobID) -> GenerationError {
        GenerationError(
            .notFound, code: "imageNotFound",
            "The job \(id.name.debugDescription) has no finished image \(index): they count from 0, and each "
                + "is there once its event has been sent.", fields: ["imageIndex"])
    }

    static func jobNotFound(_ id: JobID) -> GenerationError {
        GenerationError(
            .notFound, code: "taskNotFound",
            "There is no job \(id.name.debugDescription) here: it was never accepted, or ended so long ago "
                + "that it has been forgotten.", fields: ["taskUUID"])
    }

    static func notStored(_ error: JobStoreError) -> GenerationError {
        GenerationError(
            error.status, code: "storeFailed",
            "The job could not be stored and was not begun (\(error)). Try again later.",
            retryable: true)
    }

    static func notKept(_ error: JobStoreError) -> GenerationError {
        GenerationError(
            error.status, code: "storeFailed",
            "The picture was made and sent to those who waited for it, but it could not be stored "
                + "(\(error)). Whoever missed it can send the request again.", retryable: true)
    }

    /// For whoever asks for what is stored.
    static func notRead(_ error: JobStoreError) -> GenerationError {
        guard error.kind == .memory else { return .damaged(error.description) }
        return GenerationError(
            error.status, code: "storeFailed",
            "What is stored of this job could not be read (\(error)). Try again later.",
            retryable: true)
    }

    static func damaged(_ problem: String) -> GenerationError {
        GenerationError(
            .dataLoss, code: "storeDamaged",
            "What is stored of this job is damaged: \(problem). Send the request again.",
            retryable: true)
    }

    static let crashedTooOften = GenerationError(
        .internal, code: "inferenceError",
        "The server ended again and again while it worked on this job, which is therefore given up. This "
            + "is an error of the server, or the machine has too little memory for such a picture.")
}

extension JobStoreError {
    fileprivate var status: StatusCode {
        kind == .full || kind == .memory ? .resourceExhausted : .unavailable
    }
}
