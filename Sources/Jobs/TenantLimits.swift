internal import Generation

/// What one tenant may have at a time, within the server's own limits; nil for no less than those.
public struct TenantLimits: Equatable, Sendable {
    /// Jobs that wait; one more is refused with RESOURCE_EXHAUSTED.
    public var queuedMaximum: Int?
    /// Jobs that are worked on; others wait, and let other tenants' past.
    public var runningMaximum: Int?
    /// Bytes of its uploaded pictures; those not used for longest give way.
    public var uploadByteMaximum: Int?

    public init(
        queuedMaximum: Int? = nil, runningMaximum: Int? = nil, uploadByteMaximum: Int? = nil
    ) {
        self.queuedMaximum = queuedMaximum
        self.runningMaximum = runningMaximum
        self.uploadByteMaximum = uploadByteMaximum
    }
}

extension JobScheduler {
    /// From now on these are the tenants' limits, instead of those before; jobs that are there stay.
    public func setLimits(_ limits: [String: TenantLimits]) {
        change { $0.tenantLimits = limits }
        pictures.setByteMaxima(limits.compactMapValues(\.uploadByteMaximum))
    }
}

extension JobTable {
    /// - Throws: RESOURCE_EXHAUSTED when the tenant has as many waiting jobs as it may have.
    func checkTenantQueue(_ tenant: String) throws(GenerationError) {
        guard let limit = tenantLimits[tenant]?.queuedMaximum else { return }
        let count = live.values.count {
            $0.id.tenant == tenant && ($0.state == .queued || $0.state == .storing)
        }
        guard count < limit else { throw .tenantQueueFull(count) }
    }

    /// The place in the queue of the job whose turn it is, of those whose tenants may have one more run.
    ///
    /// - Parameter job: the one that would go on instead, and must be overtaken; nil when none would.
    func nextInTurn(before job: ScheduledJob?, now: Duration) -> Int? {
        let places = queue.indices.filter { mayRun(queue[$0].id.tenant) }
        return turns.next(in: places.map { queue[$0] }, before: job, now: now).map { places[$0] }
    }

    private func mayRun(_ tenant: String) -> Bool {
        guard let limit = tenantLimits[tenant]?.runningMaximum else { return true }
        return running.count { $0.id.tenant == tenant && $0.state == .running } < limit
    }
}

extension GenerationError {
    fileprivate static func tenantQueueFull(_ count: Int) -> GenerationError {
        GenerationError(
            .resourceExhausted, code: "queueFull",
            "\(count) of your jobs wait, which is all that you may have. Try again when one of them "
                + "has begun.", retryable: true)
    }
}
