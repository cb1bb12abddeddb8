import Generation
import Glibc
import SDXL

/// What computes in this process: the models and the threads.
struct Engine {
    let generator: SDXLGenerator
    let threadsPerLane: Int

    /// Opens the models; reads no weights.
    ///
    /// - Throws: ``UsageError`` when the folder of models cannot be used.
    init(_ options: EngineOptions, lanes: Int = 1, trace: TraceRecorder? = nil) throws {
        let catalog: ModelCatalog
        do {
            catalog = try ModelCatalog(directory: options.models)
        } catch {
            throw UsageError("\(error)")
        }
        threadsPerLane = options.threads ?? max(1, Self.coreCount / lanes)
        generator = try SDXLGenerator(
            catalog: catalog, lanes: lanes, threads: threadsPerLane, trace: trace)
    }

    var models: [ModelDescription] { generator.models }

    static var coreCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
