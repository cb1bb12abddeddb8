internal import CProtobufC
internal import CRefineryProto
internal import Generation

// Jobs as they are listed, and the parts of their pictures, both ways.

extension JobDescription {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(bytes, refinery__v1__job__init, refinery__v1__job__unpack) {
            job throws(GenerationError) in try JobDescription(job)
        }
    }

    fileprivate init(_ job: Refinery__V1__Job) throws(GenerationError) {
        let plan = GenerationPlan(
            model: try text(job.model, "model"),
            refinerModel: try nonEmptyText(job.refiner_model, "refinerModel"),
            size: job.size.map { ImageSize($0.pointee) } ?? ImageSize(height: 0, width: 0),
            seeds: [], scheduler: "", spacing: "", timesteps: [], sigmas: [],
            baseSteps: Int(job.base_steps), refinerSteps: Int(job.refiner_steps), handoff: nil,
            advice: [])
        self.init(
            id: try text(job.id, "id"), state: try JobState(job.state), plan: plan,
            createdMilliseconds: job.created_ms, sequence: job.sequence)
        place = member(job.place_presence_case, job.place).map(Int.init)
        phase = Phase(rawValue: Int32(bitPattern: job.phase.rawValue))
        imageIndex = Int(job.image_index)
        imageCount = Int(job.image_count)
        step = Int(job.step)
        etaSeconds = member(job.eta_seconds_presence_case, job.eta_seconds)
        endedMilliseconds = job.ended_ms == 0 ? nil : job.ended_ms
        error = try job.error.map { error throws(GenerationError) in
            try GenerationError(error.pointee)
        }
        resumes = try nonEmptyText(job.resumes, "resumes")
    }
}

extension JobState {
    init(_ state: Refinery__V1__Job__State) throws(GenerationError) {
        guard let known = JobState(rawValue: Int32(bitPattern: state.rawValue)) else {
            throw .malformedReply("a job's state is \(state.rawValue), which is unknown here")
        }
        self = known
    }

    var wire: Refinery__V1__Job__State { .init(rawValue: UInt32(rawValue)) }
}

extension GenerationError {
    init(_ error: Refinery__V1__JobError) throws(GenerationError) {
        self.init(
            StatusCode(rawValue: error.code) ?? .unknown, code: "",
            try text(error.message, "message"))
        guard let detail = error.detail?.pointee else { return }
        code = try text(detail.code, "code")
        fields = try texts(detail.n_fields, detail.fields, "fields")
        retryable = detail.retryable != 0
    }
}

extension JobPage {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, refinery__v1__list_jobs_response__init,
            refinery__v1__list_jobs_response__unpack
        ) { page throws(GenerationError) in
            var jobs: [JobDescription] = []
            for case let job? in elements(page.n_jobs, page.jobs) {
                jobs.append(try JobDescription(job.pointee))
            }
            return JobPage(
                jobs: jobs, nextToken: try nonEmptyText(page.next_page_token, "nextPageToken"))
        }
    }
}

extension ImageChunk {
    init(decoding bytes: [UInt8]) throws(GenerationError) {
        self = try withUnpacked(
            bytes, refinery__v1__image_chunk__init, refinery__v1__image_chunk__unpack
        ) { chunk in
            ImageChunk(
                data: [UInt8](chunk.data), offset: Int(clamping: chunk.offset),
                byteCount: Int(clamping: chunk.byte_count), sha256: [UInt8](chunk.sha256))
        }
    }
}

extension Arena {
    func message(_ job: JobDescription) -> UnsafeMutablePointer<Refinery__V1__Job> {
        make(refinery__v1__job__init) {
            $0.id = bytes(job.id)
            $0.state = job.state.wire
            if let place = job.place {
                $0.place_presence_case = REFINERY__V1__JOB__PLACE_PRESENCE_PLACE
                $0.place = UInt32(clamping: place)
            }
            $0.phase = Refinery__V1__Phase(rawValue: UInt32(job.phase?.rawValue ?? 0))
            $0.image_index = UInt32(clamping: job.imageIndex)
            $0.image_count = UInt32(clamping: job.imageCount)
            $0.step = UInt32(clamping: job.step)
            $0.base_steps = UInt32(clamping: job.baseSteps)
            $0.refiner_steps = UInt32(clamping: job.refinerSteps)
            if let seconds = job.etaSeconds {
                $0.eta_seconds_presence_case = REFINERY__V1__JOB__ETA_SECONDS_PRESENCE_ETA_SECONDS
                $0.eta_seconds = seconds
            }
            $0.model = bytes(job.model)
            $0.refiner_model = bytes(job.refinerModel ?? "")
            $0.size = message(job.size)
            $0.created_ms = job.createdMilliseconds
            $0.ended_ms = job.endedMilliseconds ?? 0
            $0.sequence = job.sequence
            $0.error = job.error.map { jobError($0) }
            $0.resumes = bytes(job.resumes ?? "")
        }
    }

    func jobError(_ error: GenerationError) -> UnsafeMutablePointer<Refinery__V1__JobError> {
        make(refinery__v1__job_error__init) {
            $0.code = error.status.rawValue
            $0.message = bytes(error.message)
            $0.detail = detail(error)
        }
    }

    func message(_ page: JobPage) -> UnsafeMutablePointer<Refinery__V1__ListJobsResponse> {
        make(refinery__v1__list_jobs_response__init) {
            let jobs = page.jobs.map { Optional(message($0)) }
            ($0.n_jobs, $0.jobs) = array(jobs)
            $0.next_page_token = bytes(page.nextToken ?? "")
        }
    }

    func message(_ chunk: ImageChunk) -> UnsafeMutablePointer<Refinery__V1__ImageChunk> {
        make(refinery__v1__image_chunk__init) {
            $0.data = bytes(chunk.data)
            $0.offset = UInt64(clamping: chunk.offset)
            $0.byte_count = UInt64(clamping: chunk.byteCount)
            $0.sha256 = bytes(chunk.sha256)
        }
    }
}
