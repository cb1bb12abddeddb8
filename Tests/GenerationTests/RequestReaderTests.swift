import Generation
import Testing

@Suite struct `A request in JSON` {
    @Test func `is read with the contract's names`() throws {
        let reading = try RequestReader.read(Array(full.utf8))
        #expect(reading.requests == [fullRequest])
        #expect(reading.notices.isEmpty)
    }

    @Test func `is read with the proto's names`() throws {
        let text = full.replacing("CFGScale", with: "cfg_scale").replacing(/"([a-zA-Z0-9]+)":/) {
            match in
            let key = String(match.1)
            let parameter = Parameter.all.first { $0.key == key }
            return "\"\(parameter?.wireName ?? key)\":"
        }
        #expect(text.contains("\"start_step\""))
        #expect(try RequestReader.read(Array(text.utf8)).requests == [fullRequest])
    }

    @Test func `may be an array, as the public documentation has it`() throws {
        let reading = try RequestReader.read(
            Array(
                """
                [{"taskType": "imageInference", "taskUUID": "39d7207a-87ef-4c93-8082-1431f9c1dc97",
                  "positivePrompt": "a cat", "width": 1024, "height": 1024, "outputType": "URL",
                  "outputFormat": "JPG", "checkNSFW": true, "includeCost": true, "lora": [],
                  "model": "civitai:101055@128078", "steps": 40.0, "CFGScale": 7, "vae": null,
                  "refiner": {"model": "civitai:101055@128080", "startStep": 36}},
                 {"positivePrompt": "a dog", "deliveryMethod": "sync"}]
                """.utf8))
        #expect(reading.requests.map(\.positivePrompt) == ["a cat", "a dog"])
        #expect(reading.requests[0].steps == 40)
        #expect(reading.requests[0].requestID == "39d7207a-87ef-4c93-8082-1431f9c1dc97")
        #expect(reading.requests[0].refiner?.startStep == 36)
        #expect(reading.requests[1].refiner == nil)
        for words in [
            "[0].outputFormat is 'JPG': the answer is a PNG", "[0].outputType", "[0].checkNSFW",
            "[0].includeCost", "[1].deliveryMethod",
        ] {
            #expect(reading.notices.contains { $0.contains(words) }, "\(words)")
        }
        #expect(reading.notices.count == 5)
    }

    @Test(arguments: ["lora", "loras"])
    func `has LoRA in either spelling`(key: String) throws {
        let text = """
            {"\(key)": [{"model": "a"}, {"model": "b", "weight": -2, "applyTo": "both"},
                {"model": "c", "weight": 0.5, "apply_to": "REFINER_ONLY"},
                {"weight": null, "applyTo": null}]}
            """
        #expect(
            try RequestReader.read(Array(text.utf8)).requests[0].loras == [
                .init(model: "a"), .init(model: "b", weight: -2, applyTo: .both),
                .init(model: "c", weight: 0.5, applyTo: .refiner), .init(),
            ])
    }

    @Test func `with LoRA is written as it is read`() throws {
        var asked = fullRequest
        asked.loras = [
            .init(model: "a"), .init(model: "b\"c", weight: -2.5, applyTo: .both),
            .init(model: "d", weight: 0, applyTo: .refiner),
        ]
        #expect(try RequestReader.read(Array(asked.json.text.utf8)).requests == [asked])
    }

    @Test func `keeps null and empty apart`() throws {
        let text =
            #"{"positivePrompt": "ab", "negativePrompt": "", "negativePrompt2": null, "refiner": {}}"#
        let request = try #require(try RequestReader.read(Array(text.utf8)).requests.first)
        #expect(request.negativePrompt == "")
        #expect(request.negativePrompt2 == nil)
        #expect(request.refiner == GenerationRequest.Refiner())
        #expect(
            try RequestReader.read(Array(#"{"refiner": null}"#.utf8)).requests[0].refiner == nil)
    }

    @Test(arguments: [
        ("{\"step\": 1}", "unknownParameter", "step", "Did you mean steps?"),
        (
            "{\"refiner\": {\"start_setp\": 1}}", "unknownParameter", "refiner.start_setp",
            "start_step"
        ),
        ("{\"wholly different\": 1}", "unknownParameter", "wholly different", "no parameter"),
        ("{\"steps\": 20.5}", "invalidType", "steps", "whole number"),
        ("{\"steps\": \"20\"}", "invalidType", "steps", "a text"),
        ("{\"steps\": true}", "invalidType", "steps", "true or false"),
        ("{\"seed\": 9223372036854775808}", "invalidType", "seed", "whole number"),
        ("{\"steps\": 1e300}", "invalidType", "steps", "whole number"),
        ("{\"CFGScale\": \"7\"}", "invalidType", "CFGScale", "a number"),
        ("{\"positivePrompt\": 5}", "invalidType", "positivePrompt", "a text"),
        ("{\"refiner\": \"sdxl\"}", "invalidType", "refiner", "an object"),
        ("{\"originalSize\": {\"height\": 1}}", "invalidType", "originalSize", "height and width"),
        (
            "{\"originalSize\": {\"height\": 1, \"width\": 1.5}}", "invalidType",
            "originalSize.width", "whole"
        ),
        ("{\"cropTopLeft\": [1, 2]}", "invalidType", "cropTopLeft", "top and left"),
        ("[{}, {\"refiner\": {\"model\": 1}}]", "invalidType", "[1].refiner.model", "[1]"),
        ("[{}, 5]", "invalidType", "[1]", "an object"),
        (
            "{\"cfg_scale\": 1, \"CFGScale\": 1}", "incompatibleParameters", "CFGScale",
            "another spelling"
        ),
        ("{\"taskType\": \"imageUpscale\"}", "unsupportedTaskType", "taskType", "imageInference"),
        ("{\"outputFormat\": \"GIF\"}", "invalidOutputFormat", "outputFormat", "PNG"),
        ("{\"embeddings\": {}}", "invalidType", "embeddings", "array"),
        (
            "{\"embeddings\": [{\"wieght\": 1}]}", "unknownParameter", "embeddings[0].wieght",
            "weight"
        ),
        (
            "{\"embeddings\": [{\"weight\": \"1\"}]}", "invalidType", "embeddings[0].weight",
            "number"
        ),
        ("{\"lora\": {\"model\": \"x\"}}", "invalidType", "lora", "an array"),
        ("{\"lora\": [\"x\"]}", "invalidType", "lora[0]", "an object with model"),
        ("{\"lora\": [{}, {\"model\": 1}]}", "invalidType", "lora[1].model", "a text"),
        ("{\"lora\": [{\"weight\": \"1\"}]}", "invalidType", "lora[0].weight", "a number"),
        ("{\"lora\": [{\"wieght\": 1}]}", "unknownParameter", "lora[0].wieght", "weight?"),
        ("{\"lora\": [{\"applyTo\": \"all\"}]}", "invalidLora", "lora[0].applyTo", "both"),
        (
            "{\"lora\": [{\"applyTo\": \"base\", \"apply_to\": \"base\"}]}",
            "incompatibleParameters", "lora[0].apply_to", "another spelling"
        ),
        ("{\"lora\": [], \"loras\": []}", "incompatibleParameters", "loras", "another spelling"),
        ("{\"clipSkip\": 1.5}", "invalidType", "clipSkip", "whole number"),
        ("{\"handoff_history\": 1}", "invalidType", "handoff_history", "a text"),
        ("{\"webhook_url\": \"x\"}", "unsupportedParameter", "webhook_url", "not supported"),
        ("{\"webhookURL\": \"x\"}", "unsupportedParameter", "webhookURL", "not supported"),
    ])
    func `is refused by path`(text: String, code: String, path: String, words: String) {
        let error = #expect(throws: GenerationError.self) {
            try RequestReader.read(Array(text.utf8))
        }
        #expect(error?.code == code)
        #expect(error?.fields == [path])
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: ["5", "null", "\"a\"", "[]", "true"])
    func `is refused when it is no task at all`(text: String) {
        #expect(throws: GenerationError.self) { try RequestReader.read(Array(text.utf8)) }
    }

    @Test func `is refused when it is far too big`() {
        let error = #expect(throws: GenerationError.self) {
            try RequestReader.read(
                [UInt8](repeating: 0x20, count: RequestReader.byteCountMaximum + 1))
        }
        #expect(error?.code == "valueTooLarge")
        let tasks = "[" + String(repeating: "{},", count: RequestReader.taskCountMaximum) + "{}]"
        #expect(throws: GenerationError.self) { try RequestReader.read(Array(tasks.utf8)) }
    }

    private let full = """
        {"taskUUID": "id", "positivePrompt": "a", "negativePrompt": "b", "positivePrompt2": "c",
         "negativePrompt2": "d", "model": "m", "width": 64, "height": 72, "steps": 5,
         "scheduler": "Euler", "seed": 9223372036854775807, "CFGScale": 7.5, "numberResults": 2,
         "originalSize": {"height": 1, "width": 2}, "cropTopLeft": {"left": 4, "top": 3},
         "targetSize": {"height": 5, "width": 6}, "negativeOriginalSize": {"height": 7, "width": 8},
         "negativeCropTopLeft": {"top": 9, "left": 10},
         "negativeTargetSize": {"height": 11, "width": 12}, "clipSkip": 1,
         "guidanceRescale": 0.5, "eta": 1, "handoffHistory": "RESET", "promptWeighting": "compel",
         "embeddings": [{"model": "x", "weight": -1}, {"model": "y"}],
         "refiner": {"model": "r", "startStep": 4, "startStepPercentage": 80, "startTimestep": 200,
           "startSigma": 0.5, "CFGScale": 3, "positivePrompt": "e", "negativePrompt": "f",
           "aestheticScore": 6.5, "negativeAestheticScore": 2}}
        """

    private var fullRequest: GenerationRequest {
        var request = GenerationRequest()
        request.requestID = "id"
        request.positivePrompt = "a"
        request.negativePrompt = "b"
        request.positivePrompt2 = "c"
        request.negativePrompt2 = "d"
        request.model = "m"
        request.width = 64
        request.height = 72
        request.steps = 5
        request.scheduler = "Euler"
        request.seed = .max
        request.cfgScale = 7.5
        request.numberResults = 2
        request.originalSize = ImageSize(height: 1, width: 2)
        request.cropTopLeft = ImagePoint(top: 3, left: 4)
        request.targetSize = ImageSize(height: 5, width: 6)
        request.negativeOriginalSize = ImageSize(height: 7, width: 8)
        request.negativeCropTopLeft = ImagePoint(top: 9, left: 10)
        request.negativeTargetSize = ImageSize(height: 11, width: 12)
        request.clipSkip = 1
        request.guidanceRescale = 0.5
        request.eta = 1
        request.handoffHistory = "RESET"
        request.promptWeighting = "compel"
        request.embeddings = [
            GenerationRequest.Embedding(model: "x", weight: -1),
            GenerationRequest.Embedding(model: "y"),
        ]
        var refiner = GenerationRequest.Refiner()
        refiner.model = "r"
        refiner.startStep = 4
        refiner.startStepPercentage = 80
        refiner.startTimestep = 200
        refiner.startSigma = 0.5
        refiner.cfgScale = 3
        refiner.positivePrompt = "e"
        refiner.negativePrompt = "f"
        refiner.aestheticScore = 6.5
        refiner.negativeAestheticScore = 2
        request.refiner = refiner
        return request
    }
}
