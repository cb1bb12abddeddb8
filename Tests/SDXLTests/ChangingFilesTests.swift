import Foundation
import Generation
import SDXL
import TestSupport
import Testing

/// Model files that are added, removed, replaced, cut short and written to while a generator has them.
@Suite(.timeLimit(.minutes(15)))
struct ChangingFilesTests {
    private static let base = Repository.root.appending(
        path: "Sources/CEmbeddedModels/tiny-base.safetensors")

    @Test func `a file that is cut short in the middle of a job ends that job alone`() throws {
        try withModel { generator, path in
            let run = try Self.run("model", generator)
            _ = try run.advance()
            _ = try run.advance()
            #expect(truncate(path, 1_000_000) == 0)
            let error = try #require(Self.error(of: run))
            #expect(error.status == .dataLoss && error.code == "modelChanged")
            #expect(error.message.contains("model.safetensors: lost bytes"), "\(error)")
            let listed = try #require(generator.models.first { $0.id == "model" })
            #expect(listed.role == .unusable)
            #expect(listed.problem.contains("Was the download cut off?"), "\(listed.problem)")
            #expect(throws: GenerationError.self) { try Self.run("model", generator) }

            try Self.finish(Self.run("tiny-base", generator))
        }
    }

    @Test func `a file that is emptied is told before its first step too`() throws {
        try withModel { generator, path in
            let run = try Self.run("model", generator)
            #expect(truncate(path, 0) == 0)
            #expect(Self.error(of: run)?.code == "modelChanged")
            #expect(generator.models.first { $0.id == "model" }?.role == .unusable)
        }
    }

    @Test func `a file that is written to in place ends its jobs and is opened again`() throws {
        try withModel { generator, path in
            let run = try Self.run("model", generator)
            _ = try run.advance()
            try Self.overwrite(path)
            let error = try #require(Self.error(of: run))
            #expect(error.code == "modelChanged" && error.message.contains("was written to"))
            try Self.finish(Self.run("model", generator))
        }
    }

    @Test func `a job goes on with the file it began with when another takes its place`() throws {
        try withModel { generator, path in
            let run = try Self.run("model", generator)
            _ = try run.advance()
            let other = path + ".part"
            try Data([0]).write(to: URL(filePath: other))
            #expect(rename(other, path) == 0)
            let changes = try generator.refresh()
            #expect(changes.changed.map(\.id) == ["model"] && changes.gone == [])
            #expect(generator.models.first { $0.id == "model" }?.role == .unusable)
            try Self.finish(run)
        }
    }

    @Test func `a job that was planned with another file is not begun`() throws {
        try withModel { generator, path in
            let (job, plan) = try Self.planned("model", generator)
            let refiner = Self.base.deletingLastPathComponent()
                .appending(path: "tiny-refiner.safetensors")
            try FileManager.default.copyItem(atPath: refiner.path, toPath: path + ".part")
            #expect(rename(path + ".part", path) == 0)
            try generator.refresh()
            #expect(generator.models.first { $0.id == "model" }?.role == .refiner)
            do throws(GenerationError) {
                _ = try generator.makeRun(job, plan: plan)
                Issue.record("the run was made")
            } catch {
                #expect(error.code == "modelChanged" && error.retryable)
            }
        }
    }

    @Test func `a refresh finds what is new and what is gone, and nothing where nothing changed`()
        throws
    {
        try withModel { generator, path in
            #expect(try generator.refresh().isEmpty)
            #expect(generator.defaultModel == "model")
            let added = (path as NSString).deletingLastPathComponent + "/added.safetensors"
            try FileManager.default.copyItem(atPath: path, toPath: added)
            let changes = try generator.refresh()
            #expect(changes.changed.map(\.id) == ["added"])
            #expect(generator.defaultModel == "added")
            try Self.finish(Self.run("added", generator))
            try FileManager.default.removeItem(atPath: path)
            #expect(try generator.refresh().gone == ["model"])
            #expect(generator.models.map(\.id).first == "added")
            #expect(!generator.models.map(\.id).contains("model"))
            #expect(try generator.refresh().isEmpty)
        }
    }

    @Test func `a directory that cannot be read leaves the models as they were`() throws {
        try withModel { generator, path in
            let directory = (path as NSString).deletingLastPathComponent
            #expect(rename(directory, directory + "-away") == 0)
            defer { rename(directory + "-away", directory) }
            #expect(throws: ModelCatalogError.self) { try generator.refresh() }
            try Self.finish(Self.run("model", generator))
        }
    }

    @Test func `a file is known by its hash once it is read, and the next time at once`() throws {
        try withModel { generator, path in
            #expect(generator.models.allSatisfy { $0.sha256.isEmpty })
            var shares: [Double] = []
            let hashed = generator.hashNext { id, share in
                #expect(id == "model")
                shares.append(share)
                return true
            }
            let bytes = try Array(Data(contentsOf: URL(filePath: path)))
            let digest = SHA256.digest(of: bytes).map { String(format: "%02x", $0) }.joined()
            #expect(hashed?.sha256 == digest)
            #expect(shares.first == 0 && shares == shares.sorted() && shares.last == 1)
            #expect(generator.models.map(\.sha256).filter { !$0.isEmpty } == [digest])
            #expect(generator.hashNext { _, _ in true } == nil)
            for name in [digest, digest.uppercased(), String(digest.prefix(10))] {
                #expect(try Self.planned(name, generator).0.model == "model")
            }
            let directory = (path as NSString).deletingLastPathComponent
            let another = try SDXLGenerator(
                catalog: ModelCatalog(directory: directory), lanes: 1, threads: 1)
            #expect(another.models.map(\.sha256).filter { !$0.isEmpty } == [digest])

            try Self.overwrite(path)
            try generator.refresh()
            #expect(generator.models.allSatisfy { $0.sha256.isEmpty })
            #expect(generator.hashNext { _, _ in false } == nil)
            #expect(generator.models.allSatisfy { $0.sha256.isEmpty })
        }
    }

    @Test func `a file that is not the one its manifest means is not used`() throws {
        try withModel { generator, path in
            let manifest = (path as NSString).deletingLastPathComponent + "/models.json"
            func demand(_ hash: String) throws {
                let json = #"{"models": {"model": {"aliases": ["a:1"], "sha256": "\#(hash)"}}}"#
                try Data(json.utf8).write(to: URL(filePath: manifest))
                try generator.refresh()
            }
            let wrong = String(repeating: "0A", count: 32)
            try demand(wrong)
            #expect(try Self.planned("a:1", generator).0.model == "model")
            let hash = try #require(generator.hashNext { _, _ in true }).sha256
            let model = try #require(generator.models.first { $0.id == "model" })
            #expect(model.role == .unusable)
            #expect(model.problem.contains("demands \(wrong.lowercased())"), "\(model.problem)")
            #expect(throws: GenerationError.self) { try Self.planned("a:1", generator) }
            try demand(hash)
            #expect(try Self.planned("a:1", generator).0.model == "model")
            #expect(throws: ModelCatalogError.self) { try demand("short") }
        }
    }

    @Test func `a watcher finds what is new and reports it`() throws {
        try withModel { generator, path in
            let reported = DispatchSemaphore(value: 0)
            let watcher = ModelWatcher(generator, interval: 10) { report in
                if case .success(let changes) = report, changes.changed.map(\.id) == ["added"] {
                    reported.signal()
                }
            }
            let added = (path as NSString).deletingLastPathComponent + "/added.safetensors"
            try FileManager.default.linkItem(atPath: path, toPath: added)
            #expect(reported.wait(timeout: .now() + 60) == .success)
            watcher.stop()
        }
    }

    // MARK: Helpers

    private static func overwrite(_ path: String) throws {
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try file.seek(toOffset: 1_000_000)
        try file.write(contentsOf: Data([1, 2, 3, 4]))
        try file.close()
    }

    /// With a generator that has a copy of the built-in base, "model", and the copy's path.
    private func withModel(_ body: (SDXLGenerator, String) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/model.safetensors"
            try FileManager.default.copyItem(atPath: Self.base.path, toPath: path)
            try body(
                SDXLGenerator(
                    catalog: ModelCatalog(directory: directory), lanes: 1, threads: 1), path)
        }
    }

    private static func planned(
        _ model: String, _ generator: SDXLGenerator
    ) throws -> (GenerationJob, GenerationPlan) {
        var request = GenerationRequest()
        request.positivePrompt = "a red fox"
        request.model = model
        (request.width, request.height) = (64, 64)
        request.steps = 3
        request.seed = 1
        let job = try GenerationJob(request, models: generator.models)
        return (job, try generator.plan(job))
    }

    private static func run(
        _ model: String, _ generator: SDXLGenerator
    ) throws -> any GenerationRun {
        let (job, plan) = try planned(model, generator)
        return try generator.makeRun(job, plan: plan)
    }

    private static func error(of run: any GenerationRun) -> GenerationError? {
        do throws(GenerationError) {
            _ = try run.advance()
            return nil
        } catch {
            return error
        }
    }

    private static func finish(_ run: any GenerationRun) throws {
        while run.nextPhase != nil { _ = try run.advance() }
    }
}
