internal import Generation
internal import Jobs
internal import Metrics

/// What `/metrics` says. Names are a promise: dashboards and alerts hold on to them.
extension ServerCore {
    static var metricsContentType: String { OpenMetricsText.contentType }

    var metricsText: String {
        var text = OpenMetricsText()
        let counts = jobs.metrics.snapshot
        text.info(
            "refinery_build", "The server's version and its matrix product's kernels.",
            ["version": configuration.version, "blas_core": configuration.blasCore])
        text.gauge(
            "refinery_up", "Whether new jobs are taken: 0 while the server stops.",
            isStopping ? 0 : 1)
        addJobs(counts.jobs, counts, to: &text)
        addMemory(to: &text)
        addWork(counts, to: &text)
        addTraffic(counts, to: &text)
        addProcess(to: &text)
        return text.text
    }

    private func addJobs(
        _ counts: JobCounts, _ times: ServerStatistics, to text: inout OpenMetricsText
    ) {
        text.counter("refinery_jobs_accepted", "Jobs accepted.", counts.accepted)
        text.counter(
            "refinery_jobs_ended", "Accepted jobs that have ended.",
            [
                (["outcome": "finished"], Double(counts.finished)),
                (["outcome": "failed"], Double(counts.failed)),
                (["outcome": "cancelled"], Double(counts.cancelled)),
            ])
        text.counter(
            "refinery_jobs_refused", "Requests for jobs that were not accepted.", counts.refused)
        text.gauge(
            "refinery_jobs", "Jobs right now.",
            [
                (["state": "queued"], Double(counts.queued)),
                (["state": "running"], Double(counts.running)),
                (["state": "paused"], Double(counts.paused)),
            ])
        text.gauge(
            "refinery_queue_limit", "Jobs that may wait.", Double(jobs.configuration.queueLimit))
        text.gauge(
            "refinery_lanes", "Jobs that may run.", Double(jobs.configuration.laneCount))
        text.histogram(
            "refinery_job_wait_seconds", "From a job's acceptance until it was begun.",
            unit: "seconds", [([:], times.waitSeconds)])
        text.histogram(
            "refinery_job_seconds", "From a job's acceptance to its end.", unit: "seconds",
            [([:], times.jobSeconds)])
    }

    private func addMemory(to text: inout OpenMetricsText) {
        let memory = jobs.memory()
        if let budget = memory.budgetByteCount {
            text.gauge(
                "refinery_memory_budget_bytes",
                "What jobs may take together, beyond mapped files.", unit: "bytes",
                Double(budget))
        }
        text.gauge(
            "refinery_memory_reserved_bytes",
            "What the jobs that are begun take at most, as estimated.", unit: "bytes",
            Double(memory.reservedByteCount))
        text.gauge(
            "refinery_memory_holds_back", "Whether a job waits for memory and not for a lane.",
            memory.isHoldingBack ? 1 : 0)
        text.counter(
            "refinery_memory_holds", "How often jobs began to wait for memory.", memory.holdCount)
    }

    private func addWork(_ counts: ServerStatistics, to text: inout OpenMetricsText) {
        func measured(_ kinds: [(Work.Kind, String)]) -> [(Histogram, String)] {
            kinds.compactMap { kind, name in counts.workSeconds[kind].map { ($0, name) } }
        }
        text.histogram(
            "refinery_step_seconds", "Denoising steps, by the expert that ran them.",
            unit: "seconds",
            measured([(.baseStep, "base"), (.refinerStep, "refiner")])
                .map { (["expert": $1], $0) })
        text.histogram(
            "refinery_coding_seconds", "Prompts and pictures encoded, pictures decoded.",
            unit: "seconds",
            measured([
                (.textEncoding, "text_encoding"), (.imageEncoding, "image_encoding"),
                (.decoding, "decoding"),
            ]).map { (["kind": $1], $0) })
    }

    private func addTraffic(_ counts: ServerStatistics, to text: inout OpenMetricsText) {
        text.gauge("refinery_connections", "Open connections.", Double(counts.connections))
        text.counter(
            "refinery_connections_opened", "Connections accepted.", counts.connectionsOpened)
        text.counter(
            "refinery_connections_refused", "Connections closed at once: there were too many.",
            UInt64(refusedConnectionCount))
        text.counter(
            "refinery_connections_cut",
            "Connections closed for what their peers did.",
            CutCause.allCases.map {
                (["cause": $0.rawValue], Double(counts.connectionsCut[$0] ?? 0))
            })
        text.counter(
            "refinery_received_bytes", "Bytes from clients.", unit: "bytes",
            counts.receivedBytes)
        text.counter(
            "refinery_sent_bytes", "Bytes to clients.", unit: "bytes", counts.sentBytes)
        text.counter(
            "refinery_calls", "Calls answered, by method and status; refusals are those not OK.",
            counts.calls.sorted { ($0.key.method, $0.key.status) < ($1.key.method, $1.key.status) }
                .map { (["method": $0.key.method, "status": $0.key.status], Double($0.value)) })
        text.histogram(
            "refinery_call_seconds", "Calls with one reply, from request to reply.",
            unit: "seconds", [([:], counts.callSeconds)])
    }

    private func addProcess(to text: inout OpenMetricsText) {
        let usage = ProcessUsage()
        text.counter(
            "process_cpu_seconds", "Processor time, user and system.", unit: "seconds",
            [([:], usage.cpuSeconds)])
        text.gauge(
            "process_resident_memory_bytes",
            "Memory in use, with what is mapped of model files and resident.", unit: "bytes",
            Double(usage.residentByteCount))
        text.gauge(
            "process_virtual_memory_bytes", "Address space in use.", unit: "bytes",
            Double(usage.virtualByteCount))
        if let count = usage.openDescriptorCount {
            text.gauge("process_open_fds", "Open file descriptors.", Double(count))
        }
        text.gauge(
            "process_max_fds", "File descriptors allowed.", Double(usage.descriptorMaximum))
        text.gauge(
            "process_start_time_seconds", "When the server started, since 1970.",
            unit: "seconds", startSeconds)
    }
}
