import Generation
import Testing

/// Models that are named by the SHA-256 of their files.
struct ModelHashTests {
    private static let hash = "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b"
    /// Begins as the other does.
    private static let near = "31e35c80fc" + String(repeating: "0", count: 54)

    private static func model(
        _ id: String, _ sha256: String, _ role: ModelDescription.Role = .base
    ) -> ModelDescription {
        ModelDescription(
            id: id, aliases: [], architecture: role == .base ? "SDXL base" : "SDXL refiner",
            role: role, dtype: "F16", byteCount: 1, parameterCount: 1,
            defaultSize: ImageSize(height: 512, width: 512), minimumSide: 64, problem: "",
            sha256: sha256)
    }

    private static func chosen(
        _ name: String, _ models: [ModelDescription]
    ) throws(GenerationError) -> String {
        var request = GenerationRequest()
        request.positivePrompt = "a red fox"
        request.model = name
        return try GenerationJob(request, models: models).model
    }

    @Test(arguments: [hash, hash.uppercased(), "31e35c80fc", "31E35C80FC"])
    func `a whole hash and its first ten digits are names`(name: String) throws {
        let models = [Self.model("unknown", ""), Self.model("base", Self.hash)]
        #expect(try Self.chosen(name, models) == "base")
    }

    @Test(arguments: ["31e35c80f", "31e35c80fc4", "31e35c80fg", String(repeating: "0", count: 64)])
    func `neither is anything else`(name: String) {
        do throws(GenerationError) {
            _ = try Self.chosen(name, [Self.model("base", Self.hash), Self.model("other", "")])
            Issue.record("\(name) was found")
        } catch {
            #expect(error.code == "modelNotFound")
        }
    }

    @Test func `ten digits that two files begin with are refused, the whole hash is not`() throws {
        let models = [Self.model("one", Self.hash), Self.model("two", Self.near)]
        #expect(try Self.chosen(Self.near, models) == "two")
        do throws(GenerationError) {
            _ = try Self.chosen("31e35c80fc", models)
            Issue.record("one of two was taken")
        } catch {
            #expect(error.status == .invalidArgument && error.code == "ambiguousModel")
            #expect(error.message.contains("one") && error.message.contains("two"))
            #expect(error.fields == ["model"])
        }
    }

    @Test func `copies of one file are as good as each other, and a file's name goes first`() throws
    {
        let copies = [Self.model("one", Self.hash), Self.model("two", Self.hash)]
        #expect(try Self.chosen(Self.hash, copies) == "one")
        let named = [Self.model("one", Self.hash), Self.model("31e35c80fc", "")]
        #expect(try Self.chosen("31e35c80fc", named) == "31e35c80fc")
    }
}
