import Client
import Foundation
import Generation
import ServerProcesses
import Testing

/// The table that all clients share, clients/conformance/scenarios.json, against the real server.
@Suite(.timeLimit(.minutes(15)))
struct ScenarioTests {
    @Test func `scenarios go as the table says`() async throws {
        let folder = try ServerFolder()
        let runner = ScenarioRunner(
            folder, try await ServerProcess(folder, data: "data", flags: ServerProcess.checkpoints))
        for scenario in try Table.scenarios() {
            do {
                try await runner.run(scenario)
            } catch {
                Issue.record(error, "\(scenario.name)")
            }
        }
        runner.server.kill()
    }
}

/// One server, and a client of it that outlives it.
private final class ScenarioRunner {
    private let folder: ServerFolder
    private(set) var server: ServerProcess

    init(_ folder: ServerFolder, _ server: ServerProcess) {
        self.folder = folder
        self.server = server
    }

    func run(_ scenario: Scenario) async throws {
        let name = Comment(rawValue: scenario.name)
        let client = try RefineryClient(server.address)
        defer { client.close() }
        var seen: [Event] = []
        var status = "OK"
        var interference = Interference()
        do {
            let timeout = scenario.timeoutSeconds.map { Duration.seconds($0) }
            let events = try client.generate(scenario.request, timeout: timeout)
            for try await event in events {
                #expect(event.sequence > seen.last?.sequence ?? 0, name)
                seen.append(event)
                let letter = Table.letter(of: event)
                if letter == scenario.leaveAt {
                    interference.left = true
                    break
                }
                if letter == scenario.killAt, !interference.killed {
                    interference.killed = true
                    server.kill()
                    server = try await ServerProcess(
                        folder, data: "data", flags: ServerProcess.checkpoints)
                }
                if letter == scenario.cancelAt, event.step > 0, !interference.cancelled {
                    interference.cancelled = true
                    let outcome = try #require(scenario.cancelOutcome, name)
                    try await client.cancel(event.jobID, outcome)
                }
            }
        } catch let error as GenerationError {
            status = Table.name(of: error.status)
            #expect(scenario.code == nil || error.code == scenario.code, name)
            #expect(scenario.fields == nil || error.fields == scenario.fields, name)
        }
        #expect(status == scenario.status ?? "OK", name)
        #expect(interference == scenario.interference, name)
        if let events = scenario.events {
            let letters = seen.map { String(Table.letter(of: $0)) }.joined()
            #expect(try letters.contains(Regex(events)), "\(name): \(letters)")
            try await checkPicture(seen, scenario, client)
        }
        if let state = scenario.jobState {
            try await checkEnd(of: try #require(seen.first, name).jobID, state, client, name)
        }
        if let resume = scenario.resume {
            try await check(resume, of: try #require(seen.first, name).jobID, client, name)
        }
    }

    /// The paused job's picture, finished by another job, is that of the whole request.
    private func check(
        _ resume: Resumption, of jobID: String, _ client: RefineryClient, _ name: Comment
    ) async throws {
        let job = try await client.resume(resume.request(jobID: jobID))
        var letters = ""
        var last: Event.Image?
        for try await event in client.watch(job.id) {
            letters.append(Table.letter(of: event))
            if case .image(let image) = event.content { last = image }
        }
        #expect(try letters.contains(Regex(resume.events)), "\(name): \(letters)")
        let image = try #require(last, name)
        #expect(image.summary?.baseSteps == resume.baseSteps, name)
        #expect(image.summary?.refinerSteps == resume.refinerSteps, name)
        for try await event in client.generate(try resume.whole) {
            if case .image(let whole) = event.content { #expect(whole.png == image.png, name) }
        }
    }

    private func checkPicture(
        _ events: [Event], _ scenario: Scenario, _ client: RefineryClient
    ) async throws {
        let name = Comment(rawValue: scenario.name)
        let event = try #require(events.last, name)
        guard case .image(let image) = event.content else {
            Issue.record("\(scenario.name): the last event is no image")
            return
        }
        #expect(SHA256.digest(of: image.png) == image.sha256, name)
        let summary = try #require(image.summary, name)
        #expect(image.pausedStep == scenario.pausedStep, name)
        #expect(summary.isCutShort == scenario.isCutShort ?? false, name)
        #expect(summary.baseSteps == scenario.baseSteps ?? summary.baseSteps, name)
        #expect(summary.refinerSteps == scenario.refinerSteps ?? summary.refinerSteps, name)
        if scenario.readAgain == true {
            #expect(try await client.image(0, of: event.jobID) == image.png, name)
        }
    }

    /// A job's end takes effect before its next step.
    private func checkEnd(
        of job: String, _ state: String, _ client: RefineryClient, _ name: Comment
    ) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await client.job(job).endedMilliseconds == nil, .now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect("\(try await client.job(job).state)".uppercased() == state, name)
    }
}

extension Event {
    fileprivate var step: Int {
        if case .progress(let progress) = content { progress.step } else { 0 }
    }
}
