import Generation
import Glibc
import SDXL

/// What computes in this process: the models and the threads.
struct Engine {
    let generator: SDXLGenerator
    /// Of all lanes together.
    let threads: Int

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
        threads = options.threadCount
        generator = try SDXLGenerator(
            catalog: catalog, lanes: lanes, threads: threads, trace: trace)
    }

    var models: [ModelDescription] { generator.models }
}
