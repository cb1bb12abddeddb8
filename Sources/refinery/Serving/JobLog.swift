import Generation
import Jobs
import Logging

/// A line in the log for each job's end: what it was, how long it took, and why it failed.
struct JobLog {
    let logger: Logger

    func record(_ ending: JobEnding) {
        let job = ending.description
        var metadata: Logger.Metadata = [
            "id": "\(ending.id.name)",
            "model": "\(job.model)",
            "size": "\(job.size.width)x\(job.size.height)",
            "images": "\(job.imageCount)",
            "steps": "\(job.baseSteps + job.refinerSteps)",
            "waited": "\(Wording.fixed(ending.waited / .seconds(1), 3))",
            "seconds": "\(Wording.fixed(ending.total / .seconds(1), 3))",
        ]
        if !ending.id.tenant.isEmpty { metadata["tenant"] = "\(ending.id.tenant)" }
        if let refiner = job.refinerModel {
            metadata["refiner"] = "\(refiner)"
            metadata["handoff"] = "\(job.baseSteps + 1)"
        }
        if let error = job.error, job.state == .failed {
            metadata["code"] = "\(error.code)"
            metadata["status"] = "\(error.status)"
            metadata["reason"] = "\(error.message)"
        }
        logger.log(level: Self.level(of: job), "\(Self.message(of: job))", metadata: metadata)
    }

    private static func level(of job: JobDescription) -> Logger.Level {
        switch job.error?.status {
        case nil, .cancelled: .info
        // Somebody has to look at the machine.
        case .internal, .dataLoss: .error
        case .unavailable: .notice
        case _: .warning
        }
    }

    private static func message(of job: JobDescription) -> String {
        job.error?.status == .unavailable
            ? "job left by the server's stop" : "job \(Wording.name(of: job.state))"
    }
}
