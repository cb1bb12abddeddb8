import Foundation
import Generation
import SDXL
import TestSupport
import Testing
import Weights

struct ModelCatalogTests {
    private static let baseAlias = "civitai:101055@128078"
    private static let refinerAliases = ["civitai:101055@128080", "runware:101055@128080"]

    private static let builtIn = ["emoji", "emoji-refiner", "tiny-base", "tiny-refiner"]

    @Test func `without a directory there are the built-in bases and refiners`() throws {
        let catalog = try ModelCatalog()
        #expect(catalog.models.map(\.id) == Self.builtIn)
        #expect(catalog.models.map(\.role) == [.base, .refiner, .base, .refiner])
        #expect(Set(catalog.models.map(\.architecture)) == ["SDXL base", "SDXL refiner"])
        #expect(catalog.models.map(\.aliases) == [[Self.baseAlias], Self.refinerAliases, [], []])
        #expect(catalog.models.allSatisfy { $0.dtype == "F16" && $0.problem.isEmpty })
        #expect(
            catalog.models.suffix(2).map(\.parameterCount) == [5_350_548, 4_408_336])
        #expect(catalog.models.suffix(2).map(\.byteCount) == [10_840_200, 8_966_640])
        // What the repository and the program may grow by.
        #expect(catalog.models.prefix(2).map(\.byteCount).reduce(0, +) <= 40_000_000)
        for model in catalog.models {
            #expect(model.defaultSize == ImageSize(height: 128, width: 128))
            #expect(model.minimumSide == 64)
        }
        #expect(catalog.defaultBaseID == "emoji")
        #expect(catalog.stored("tiny-refiner")?.name == "tiny-refiner")
        #expect(catalog.stored(Self.baseAlias)?.name == "emoji")
        #expect(catalog.stored("nothing") == nil)
    }

    @Test func `a directory's files come first, and a broken one stops no other`() throws {
        try withModels([
            "zebra.safetensors": Self.base(), "broken.safetensors": [1, 2, 3],
            "lora.safetensors": SafetensorsBytes.file([
                .init("lora_unet_x.lora_down.weight", "F16", [4, 4])
            ]),
            "notes.txt": [65], ".hidden.safetensors": [1],
        ]) { directory in
            let catalog = try ModelCatalog(directory: directory)
            #expect(
                catalog.models.map(\.id) == ["broken", "lora", "zebra"] + Self.builtIn)
            #expect(catalog.models.prefix(3).map(\.role) == [.unusable, .lora, .base])
            #expect(catalog.models[0].problem.hasPrefix("broken.safetensors: has only 3 bytes"))
            #expect(!catalog.models[0].problem.contains(directory))
            #expect(catalog.models[1].architecture == ModelDescription.loraArchitecture)
            #expect(catalog.models[2].defaultSize == ImageSize(height: 1024, width: 1024))
            #expect(catalog.models[2].minimumSide == 128)
            #expect(catalog.stored("broken") == nil)
            #expect(catalog.defaultBaseID == "zebra")
            #expect(catalog.stored(Self.baseAlias)?.name == "emoji")
        }
    }

    @Test func `published file names claim their aliases, the better VAE first`() throws {
        try withModels([
            "sd_xl_base_1.0.safetensors": Self.base(),
            "sd_xl_base_1.0_0.9vae.safetensors": Self.base(),
            "sd_xl_refiner_1.0.safetensors": Self.refiner(), "another.safetensors": Self.base(),
        ]) { directory in
            let catalog = try ModelCatalog(directory: directory)
            #expect(catalog.defaultBaseID == "sd_xl_base_1.0_0.9vae")
            #expect(catalog.stored(Self.baseAlias)?.name == "sd_xl_base_1.0_0.9vae.safetensors")
            for alias in Self.refinerAliases {
                #expect(catalog.stored(alias)?.name == "sd_xl_refiner_1.0.safetensors")
            }
            #expect(catalog.models.suffix(2).map(\.aliases) == [[], []])
        }
    }

    @Test func `a broken published file keeps its alias, so no other picture is given for it`()
        throws
    {
        try withModels(["sd_xl_base_1.0.safetensors": [0]]) { directory in
            let catalog = try ModelCatalog(directory: directory)
            #expect(catalog.models[0].aliases == [Self.baseAlias])
            #expect(catalog.stored(Self.baseAlias) == nil)
            #expect(catalog.defaultBaseID == "sd_xl_base_1.0")
        }
    }

    @Test func `a file may take the place of a built-in model`() throws {
        try withModels(["emoji.safetensors": Self.base()]) { directory in
            let catalog = try ModelCatalog(directory: directory)
            #expect(catalog.models.map(\.id) == Self.builtIn)
            #expect(catalog.models[0].aliases == [Self.baseAlias])
            #expect(catalog.stored("emoji")?.name == "emoji.safetensors")
        }
    }

    @Test func `models.json adds aliases and overrides the well-known names`() throws {
        let json = """
            {"aliases": {"civitai:101055@128078": "mine", "short": "mine", "old": "emoji"}}
            """
        try withModels([
            "mine.safetensors": Self.base(), "sd_xl_base_1.0.safetensors": Self.base(),
            "models.json": Array(json.utf8),
        ]) { directory in
            let catalog = try ModelCatalog(directory: directory)
            #expect(catalog.models[0].aliases == [Self.baseAlias, "short"])
            #expect(catalog.models[1].aliases.isEmpty)
            #expect(catalog.models[2].aliases == ["old"])
            #expect(catalog.defaultBaseID == "mine")
        }
    }

    @Test(arguments: [
        ("{", "must be JSON such as"), ("[]", "must be JSON such as"),
        ("{}", "\"aliases\" is missing"), (#"{"aliases": {"a": 1}}"#, "\"aliases.a\" has another"),
        (#"{"aliases": {"a": "none"}}"#, "the alias \"a\" is for \"none\", but there is no such"),
        (#"{"aliases": {"": "tiny-base"}}"#, "it is empty"),
        (#"{"aliases": {"tiny-refiner": "tiny-base"}}"#, "a model has that name"),
    ])
    func `a models.json that is wrong says so`(_ json: String, _ words: String) throws {
        try withModels(["models.json": Array(json.utf8)]) { directory in
            let error = #expect(throws: ModelCatalogError.self) {
                try ModelCatalog(directory: directory)
            }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
    }

    @Test func `a directory that is not there is an error`() {
        let error = #expect(throws: ModelCatalogError.self) {
            try ModelCatalog(directory: "/no such directory")
        }
        #expect(error?.description.contains("/no such directory") == true)
    }

    @Test(arguments: [
        (["first_stage_model.x"], "it lacks the VAE;"),
        (
            [
                "conditioner.embedders.0.transformer.text_model.x",
                "conditioner.embedders.1.model.x",
            ],
            "it lacks the CLIP-L text encoder and the OpenCLIP text encoder;"
        ),
    ])
    func `a base that lacks a part says which`(_ parts: [String], _ problem: String) throws {
        try withModels(["half.safetensors": Self.base(without: parts)]) { directory in
            let model = try ModelCatalog(directory: directory).models[0]
            #expect(model.role == .unusable)
            #expect(model.architecture == "SDXL base")
            #expect(model.problem.hasPrefix(problem))
        }
    }

    @Test func `a base that predicts something else is refused`() throws {
        try withModels(["v.safetensors": Self.base(adding: ["v_pred"])]) { directory in
            let model = try ModelCatalog(directory: directory).models[0]
            #expect(model.role == .unusable)
            #expect(model.problem.hasPrefix("it uses v prediction"))
        }
    }

    // MARK: Files of the right structure

    private static func base(without: [String] = [], adding: [String] = []) -> [UInt8] {
        model(
            stageCount: 3,
            parts: [
                "conditioner.embedders.0.transformer.text_model.x",
                "conditioner.embedders.1.model.x", "first_stage_model.x",
            ].filter { !without.contains($0) } + adding)
    }

    private static func refiner() -> [UInt8] {
        model(stageCount: 4, parts: ["conditioner.embedders.0.model.x", "first_stage_model.x"])
    }

    private static func model(stageCount: Int, parts: [String]) -> [UInt8] {
        let unet = "model.diffusion_model."
        return SafetensorsBytes.file(
            [
                .init(unet + "input_blocks.0.0.weight", "F16", [320, 4, 3, 3]),
                .init(unet + "label_emb.0.0.weight", "F16", [8, 8]),
            ]
                + (1..<stageCount * 3).map { .init(unet + "input_blocks.\($0).0.x", "F16", [1]) }
                + parts.map { .init($0, "F16", [1]) })
    }

    private func withModels(
        _ files: [String: [UInt8]], _ body: (String) throws -> Void
    ) throws {
        try withTemporaryDirectory { directory in
            for (name, bytes) in files {
                try Data(bytes).write(to: URL(fileURLWithPath: directory + "/" + name))
            }
            try body(directory)
        }
    }
}
