import Foundation
import TestSupport
import Testing

@testable import Generation

@Suite struct `The table of parameters` {
    @Test(arguments: [
        ("taskUUID", "request_id", "invalidTaskUUID"),
        ("positivePrompt", "positive_prompt", "invalidPositivePrompt"),
        ("negativePrompt2", "negative_prompt_2", "invalidNegativePrompt2"),
        ("CFGScale", "cfg_scale", "invalidCFGScale"),
        ("numberResults", "number_results", "invalidNumberResults"),
        ("cropTopLeft", "crop_top_left", "invalidCropTopLeft"),
        (
            "refiner.startStepPercentage", "start_step_percentage",
            "invalidRefinerStartStepPercentage"
        ),
        ("lora", "loras", "invalidLora"),
        ("refiner.CFGScale", "cfg_scale", "invalidRefinerCFGScale"),
    ])
    func `gives each its proto name and its error code`(
        name: String, wireName: String, code: String
    ) {
        let parameter = Parameter.named(name)
        #expect(parameter.wireName == wireName)
        #expect(parameter.code == code)
    }

    @Test func `has the field names of the proto, all of them`() throws {
        let proto = try String(
            contentsOf: Repository.root.appending(path: "Proto/refinery/v1/refinery.proto"),
            encoding: .utf8)
        for (message, prefix) in [("GenerateRequest", ""), ("Refiner", "refiner.")] {
            let start = try #require(proto.range(of: "message \(message) {"))
            let end = try #require(proto[start.upperBound...].range(of: "\n}"))
            let body = proto[start.upperBound..<end.lowerBound]
            let fields = Set(
                body.matches(
                    of:
                        #/(?:string|u?int32|u?int64|bool|double|Size|Point|HandoffHistory|Embedding|Lora|Branch|PausePoint) ([a-z_0-9]+) = /#
                )
                .map { String($0.1) })
            let table = Set(
                Parameter.all.filter { $0.name.contains(".") == !prefix.isEmpty }.map(\.wireName))
            #expect(fields == table, "message \(message)")
        }
    }

    @Test func `names everything once`() {
        #expect(Set(Parameter.all.map(\.name)).count == Parameter.all.count)
    }
}
