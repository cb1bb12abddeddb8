import Dispatch
import Metrics
import Testing

@Suite struct `Metrics` {
    @Test(arguments: [
        (ServerMetrics.Place.queued, ServerMetrics.Ending.cancelled), (.queued, .failed),
        (.running, .finished), (.running, .failed), (.running, .cancelled),
        (.running, .paused),
    ])
    func `follow a job to its end`(place: ServerMetrics.Place, ending: ServerMetrics.Ending) {
        let metrics = ServerMetrics()
        metrics.jobAccepted(of: "")
        #expect(metrics.snapshot.jobs.queued == 1)
        if case .running = place {
            metrics.jobStarted(of: "")
            #expect(metrics.snapshot.jobs.queued == 0)
            #expect(metrics.snapshot.jobs.running == 1)
        }
        metrics.jobEnded(ending, from: place, of: "")
        var expected = JobCounts()
        expected.accepted = 1
        switch ending {
        case .finished: expected.finished = 1
        case .failed: expected.failed = 1
        case .cancelled: expected.cancelled = 1
        case .paused: expected.paused = 1
        }
        #expect(metrics.snapshot.jobs == expected)
    }

    @Test func `count a paused job until it is discarded`() {
        let metrics = ServerMetrics()
        metrics.pausedJobFound(of: "")
        #expect(metrics.snapshot.jobs.paused == 1 && addsUp(metrics.snapshot.jobs))
        metrics.pausedJobDiscarded(of: "")
        let counts = metrics.snapshot.jobs
        #expect((counts.paused, counts.cancelled) == (0, 1))
        #expect(addsUp(counts))
    }

    @Test func `count steps with their seconds, refusals and connections`() {
        let metrics = ServerMetrics()
        metrics.workDone(work(.baseStep), seconds: 2, of: "")
        metrics.workDone(work(.baseStep), seconds: 3, of: "alice")
        metrics.workDone(work(.refinerStep), seconds: 4, of: "alice")
        metrics.workDone(work(.decoding), seconds: 5, of: "alice")
        metrics.jobRefused(of: "alice")
        metrics.connectionOpened()
        metrics.connectionOpened()
        metrics.connectionClosed()
        let counts = metrics.snapshot
        #expect(counts.jobs.baseSteps == 2 && counts.jobs.baseSeconds == 5)
        #expect(counts.jobs.refinerSteps == 1 && counts.jobs.refinerSeconds == 4)
        #expect(counts.jobs.refused == 1)
        #expect(counts.tenants["alice"]?.baseSeconds == 3)
        #expect(counts.tenants[""]?.baseSeconds == 2)
        #expect(counts.tenants[""]?.refused == 0)
        #expect(counts.connections == 1 && counts.connectionsOpened == 2)
        #expect(metrics.costs.seconds(work(.decoding)) == 5)
    }

    @Test func `add up at every instant, from many threads`() {
        let metrics = ServerMetrics()
        DispatchQueue.concurrentPerform(iterations: 8) { index in
            for _ in 0..<200 {
                if index == 0 {
                    let counts = metrics.snapshot
                    #expect(addsUp(counts.jobs) && counts.tenants.values.allSatisfy(addsUp))
                } else {
                    let tenant = "\(index % 3)"
                    metrics.jobAccepted(of: tenant)
                    metrics.jobStarted(of: tenant)
                    metrics.jobEnded(.finished, from: .running, of: tenant)
                }
            }
        }
        #expect(metrics.snapshot.jobs.finished == 1400)
        #expect(addsUp(metrics.snapshot.jobs))
    }

    private func addsUp(_ now: JobCounts) -> Bool {
        now.accepted
            == now.finished + now.failed + now.cancelled + UInt64(now.queued)
            + UInt64(now.running) + UInt64(now.paused)
    }
}

@Suite struct `Costs of work` {
    @Test(
        arguments: [
            ([], nil), ([3], 3), ([3, 1], 2), ([1, 100, 2], 2),
            // The first two of eleven are forgotten.
            ([100, 100, 1, 2, 3, 4, 5, 6, 7, 8, 9], 5),
        ] as [([Double], Double?)])
    func `are the median of the last samples`(samples: [Double], median: Double?) {
        let costs = WorkCosts()
        for seconds in samples { costs.record(work(.baseStep), seconds: seconds) }
        #expect(costs.seconds(work(.baseStep)) == median)
        #expect(costs.seconds(work(.refinerStep)) == nil)
    }

    @Test func `are kept for a bounded number of kinds, the latest ones`() {
        let costs = WorkCosts()
        for index in 0...WorkCosts.workCountMaximum {
            costs.record(work(.baseStep, width: index), seconds: 1)
            costs.record(work(.baseStep, width: 0), seconds: 1)
        }
        #expect(costs.seconds(work(.baseStep, width: 0)) == 1)
        #expect(costs.seconds(work(.baseStep, width: 1)) == nil)
        #expect(costs.seconds(work(.baseStep, width: 2)) == 1)
    }
}

private func work(_ kind: Work.Kind, width: Int = 64) -> Work {
    Work(kind: kind, model: "m", width: width, height: 64, isGuided: true)
}
