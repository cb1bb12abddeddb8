import ArgumentParser
import Glibc

/// Where to work: on a server, or in this process.
struct SourceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server, HOST:PORT or unix:PATH; without one, this process does the work.",
            valueName: "address"))
    var server: String?

    @OptionGroup var access: CallerOptions

    @OptionGroup var engine: EngineOptions

    func validate() throws {
        if server == nil, access.tokenFile != nil {
            throw ValidationError("--token-file is for a server: name it with --server.")
        }
        if server != nil, engine.models != nil || engine.threads != nil {
            throw ValidationError(
                "--models and --threads are for work in this process: the server has its own.")
        }
    }
}

extension SourceOptions {
    /// - Parameter trace: for work in this process, the file for the numbers of every step.
    func open(trace: String? = nil) throws -> any PictureSource {
        if let server { return try RemotePictures(server, try access.clientOptions()) }
        return try LocalPictures(engine, trace: trace)
    }
}

/// What computes the pictures in this process.
struct EngineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder of .safetensors model files; without one, small built-in models.",
            valueName: "dir"), completion: .directory)
    var models: String?

    @Option(help: "Threads that compute, all lanes together; as many as cores by default.")
    var threads: Int?

    /// As given, or one for each core.
    var threadCount: Int { threads ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads): give 1 to 1024.")
        }
    }
}
