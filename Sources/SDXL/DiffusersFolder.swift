internal import FoundationEssentials
internal import Weights

/// A model in diffusers' folder layout: a folder for each network with its `config.json` and its
/// weights in one file or several.
struct DiffusersFolder {
    private let path: String
    private let name: String

    /// Whether a folder is one.
    static func isPresent(at path: String) -> Bool {
        ["/model_index.json", "/unet/config.json"].contains {
            FileManager.default.fileExists(atPath: path + $0)
        }
    }

    init(path: String) {
        self.path = path
        name = path.split(separator: "/").last.map(String.init) ?? path
    }

    /// The weights of one network. A whole file is taken before shards, and full precision before a
    /// variant, as diffusers does.
    ///
    /// - Parameter stem: of the files' names.
    func weights(of part: String, stem: String) throws(ModelFileError) -> ModelFile {
        let folder = "\(path)/\(part)/"
        let names = ["\(stem).safetensors", "\(stem).fp16.safetensors"]
        let indices = [
            "\(stem).safetensors.index.json", "\(stem).safetensors.index.fp16.json",
            "\(stem).fp16.safetensors.index.json",
        ]
        for (whole, shards) in [(names[0], [indices[0]]), (names[1], Array(indices[1...]))] {
            if FileManager.default.fileExists(atPath: folder + whole) {
                return try ModelFile(path: folder + whole, name: "\(name)/\(part)/\(whole)")
            }
            for index in shards where FileManager.default.fileExists(atPath: folder + index) {
                return try joined(part, index)
            }
        }
        throw ModelFileError(
            file: "\(name)/\(part)",
            .unreadable("it holds neither \(names[0]) nor \(indices[0])"))
    }

    /// The shards that an index names.
    private func joined(_ part: String, _ index: String) throws(ModelFileError) -> ModelFile {
        let contents: ShardIndex = try read("\(part)/\(index)")
        var shards: [ModelFile] = []
        for shard in Set(contents.weightMap.values).sorted() {
            let shown = "\(name)/\(part)/\(shard)"
            guard !shard.contains("/") else {
                throw ModelFileError(
                    file: "\(name)/\(part)/\(index)",
                    .unreadable("it names a shard in another folder"))
            }
            shards.append(try ModelFile(path: "\(path)/\(part)/\(shard)", name: shown))
        }
        return try ModelFile(name: "\(name)/\(part)", shards: shards)
    }

    func read<Contents: Decodable>(_ file: String) throws(ModelFileError) -> Contents {
        do {
            return try JSONDecoder().decode(
                Contents.self, from: Data(contentsOf: URL(filePath: "\(path)/\(file)")))
        } catch let error as DecodingError {
            throw ModelFileError(file: "\(name)/\(file)", .unreadable(Self.words(error)))
        } catch {
            throw ModelFileError(
                file: "\(name)/\(file)", .unreadable("it is missing or not readable"))
        }
    }

    func contains(_ file: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(file)")
    }

    func misfit(_ file: String, _ words: String) -> ModelFileError {
        ModelFileError(file: "\(name)/\(file)", .misfit(words))
    }

    private static func words(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has another type"
        default: "it is not JSON"
        }
    }
}

private struct ShardIndex: Decodable {
    /// Tensor -> shard.
    var weightMap: [String: String]

    private enum CodingKeys: String, CodingKey {
        case weightMap = "weight_map"
    }
}
