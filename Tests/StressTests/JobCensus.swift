import Generation

/// What a server says of its jobs, looked at again and again, also after it was killed: a job that has ended
/// has ended once.
struct JobCensus {
    /// Of every job that was ever seen, its last state.
    private(set) var states: [String: JobState] = [:]
    /// What may not be, in sentences.
    private(set) var faults: [String] = []

    /// - Parameter jobs: all that the server knows of now.
    mutating func look(at jobs: [JobDescription]) {
        var seen: Set<String> = []
        for job in jobs {
            if !seen.insert(job.id).inserted { faults.append("\(job.id) is there twice") }
            if let before = states[job.id], before.isEnded, before != job.state {
                faults.append("\(job.id) was \(before), and is \(job.state)")
            }
            states[job.id] = job.state
        }
    }

    mutating func require(_ condition: Bool, _ fault: @autoclosure () -> String) {
        if !condition { faults.append(fault()) }
    }

    /// - Parameter ends: of each job that was accepted, the states that its caller may expect.
    mutating func hold(against ends: [String: [JobState]]) {
        for (id, expected) in ends {
            guard let state = states[id] else {
                faults.append("\(id) was accepted, and is lost")
                continue
            }
            if !expected.contains(state) {
                faults.append("\(id) is \(state), and not one of \(expected)")
            }
        }
        for id in states.keys where ends[id] == nil { faults.append("nobody has asked for \(id)") }
    }
}
