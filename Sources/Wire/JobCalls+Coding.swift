internal import CProtobufC
internal import CRefineryProto
internal import Generation

/// Which image of which job to read, and what part of it.
public struct ImagePart: Equatable, Sendable {
    public var jobID: String
    public var imageIndex: Int
    public var offset: Int
    /// 0 is as many as an answer holds.
    public var byteCount: Int

    public init(jobID: String, imageIndex: Int, offset: Int = 0, byteCount: Int = 0) {
        self.jobID = jobID
        self.imageIndex = imageIndex
        self.offset = offset
        self.byteCount = byteCount
    }
}

// The messages of calls about jobs that are there.
extension CallRequest {
    static func watch(decoding bytes: [UInt8]) throws(GenerationError) -> Self {
        try withUnpacked(
            bytes, refinery__v1__watch_request__init, refinery__v1__watch_request__unpack
        ) { request throws(GenerationError) in
            .watch(
                jobID: try nonEmptyText(request.job_id, "jobId"), after: request.after_sequence)
        }
    }

    static func getJob(decoding bytes: [UInt8]) throws(GenerationError) -> Self {
        try withUnpacked(
            bytes, refinery__v1__job_reference__init, refinery__v1__job_reference__unpack
        ) { request throws(GenerationError) in .getJob(try text(request.job_id, "jobId")) }
    }

    static func listJobs(decoding bytes: [UInt8]) throws(GenerationError) -> Self {
        try withUnpacked(
            bytes, refinery__v1__list_jobs_request__init, refinery__v1__list_jobs_request__unpack
        ) { request throws(GenerationError) in
            var filter = JobFilter(
                model: try nonEmptyText(request.model, "model"),
                pageSize: request.page_size == 0 ? nil : Int(request.page_size),
                pageToken: try nonEmptyText(request.page_token, "pageToken"))
            for state in elements(request.n_states, request.states) {
                guard let known = JobState(rawValue: Int32(bitPattern: state.rawValue)) else {
                    throw .invalid(
                        "states", code: "invalidStates",
                        "states holds \(state.rawValue): it may hold 1 (queued) to 6 (paused).")
                }
                // Said once more it changes nothing; 64 KiB of them would be compared with every job.
                if !filter.states.contains(known) { filter.states.append(known) }
            }
            return .listJobs(filter)
        }
    }

    static func cancelJob(decoding bytes: [UInt8]) throws(GenerationError) -> Self {
        try withUnpacked(
            bytes, refinery__v1__cancel_job_request__init,
            refinery__v1__cancel_job_request__unpack
        ) { request throws(GenerationError) in
            let number = Int32(bitPattern: request.outcome.rawValue)
            guard let outcome = CancelOutcome(rawValue: number) else {
                throw .invalid(
                    "outcome", code: "invalidOutcome",
                    "outcome is \(number): it must be DISCARD (0), DECODE_NOW (1) or "
                        + "SKIP_TO_REFINER (2).")
            }
            return .cancelJob(try text(request.job_id, "jobId"), outcome)
        }
    }

    static func readImage(decoding bytes: [UInt8]) throws(GenerationError) -> Self {
        try withUnpacked(
            bytes, refinery__v1__read_image_request__init,
            refinery__v1__read_image_request__unpack
        ) { request throws(GenerationError) in
            .readImage(
                ImagePart(
                    jobID: try text(request.job_id, "jobId"), imageIndex: Int(request.image_index),
                    offset: Int(clamping: request.offset), byteCount: Int(request.byte_count)))
        }
    }
}

extension Arena {
    func watch(
        jobID: String?, after sequence: UInt64
    ) -> UnsafeMutablePointer<Refinery__V1__WatchRequest> {
        make(refinery__v1__watch_request__init) {
            $0.job_id = bytes(jobID ?? "")
            $0.after_sequence = sequence
        }
    }

    func reference(_ jobID: String) -> UnsafeMutablePointer<Refinery__V1__JobReference> {
        make(refinery__v1__job_reference__init) { $0.job_id = bytes(jobID) }
    }

    func message(_ filter: JobFilter) -> UnsafeMutablePointer<Refinery__V1__ListJobsRequest> {
        make(refinery__v1__list_jobs_request__init) {
            ($0.n_states, $0.states) = array(filter.states.map(\.wire))
            $0.model = bytes(filter.model ?? "")
            $0.page_size = UInt32(clamping: filter.pageSize ?? 0)
            $0.page_token = bytes(filter.pageToken ?? "")
        }
    }

    func cancel(
        _ jobID: String, _ outcome: CancelOutcome
    ) -> UnsafeMutablePointer<Refinery__V1__CancelJobRequest> {
        make(refinery__v1__cancel_job_request__init) {
            $0.job_id = bytes(jobID)
            $0.outcome = Refinery__V1__CancelJobRequest__Outcome(
                rawValue: UInt32(outcome.rawValue))
        }
    }

    func message(_ part: ImagePart) -> UnsafeMutablePointer<Refinery__V1__ReadImageRequest> {
        make(refinery__v1__read_image_request__init) {
            $0.job_id = bytes(part.jobID)
            $0.image_index = UInt32(clamping: part.imageIndex)
            $0.offset = UInt64(clamping: part.offset)
            $0.byte_count = UInt32(clamping: part.byteCount)
        }
    }
}
