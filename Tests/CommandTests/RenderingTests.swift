import FoundationEssentials
import Generation
import Testing

@testable import refinery

@Suite struct RenderingTests {
    static let job: [Report] = [
        .event(Sample.event(.queued(Event.Queued(place: 2, etaSeconds: 90)))),
        .event(Sample.event(.accepted(Sample.plan))),
        .event(Sample.event(.progress(Sample.progress(.textEncoding, step: 0)))),
        .event(Sample.event(.progress(Sample.progress(.base, step: 3)))),
        .event(
            Sample.event(
                .handedOff(
                    Event.HandedOff(
                        imageIndex: 0, handoff: Sample.handoff, latentsSHA256: [0xFF])))),
        .event(Sample.event(.progress(Sample.progress(.refiner, step: 4, eta: nil)))),
        .saved(Sample.event(.image(Sample.image)), Sample.image, path: "out/cat.png"),
    ]

    @Test func `a pipe gets a line per report`() {
        var rendering = PlainRendering()
        let text = Self.job.map { rendering.text(for: $0) }.joined()
        #expect(
            text == """
                2 ahead in the queue, ETA 1:30
                base + refiner, 128 x 64, Euler (leading), 4 steps, seed 7
                base 3 steps, refiner 1 from step 4 (75.0 %, timestep 1.0, sigma 0.029)
                advice: Take 30 steps or more.
                base  step 3/4  ETA 0:12  4.13 s/it  sigma 1.613
                the refiner takes over at step 4 (75.0 %, timestep 1.0, sigma 0.029)
                refiner  step 4/4  4.13 s/it  sigma 1.613
                out/cat.png  128 x 64  seed 7  3 bytes
                done in 17.8 s: text 0.50 s, base 3 steps 12.3 s, refiner 1 step 4.00 s, \
                decoding 1.00 s

                """)
    }

    @Test func `a pipe gets no escape codes`() {
        var rendering = PlainRendering()
        #expect(!Self.job.contains { rendering.text(for: $0).contains("\u{1B}") })
    }

    @Test func `a repeated report is not repeated to a pipe`() {
        var rendering = PlainRendering()
        #expect(!rendering.text(for: Self.job[3]).isEmpty)
        #expect(rendering.text(for: Self.job[3]).isEmpty)
        #expect(!rendering.text(for: Self.job[4]).isEmpty)
    }

    @Test func `a terminal's live line is redrawn in place and gone at the end`() {
        var rendering = LiveRendering(width: 80, usesColours: false)
        let texts = Self.job.map { rendering.text(for: $0) }
        // Before the first progress there is nothing to remove.
        #expect(!texts[0].contains("\u{1B}") && texts[1].hasSuffix("more.\n"))
        #expect(texts[2].hasPrefix("text     ░") && !texts[2].contains("\n"))
        #expect(texts[3].hasPrefix("\r\u{1B}[Kbase     █") && !texts[3].contains("\n"))
        // A line that stays goes above the live line, which is drawn again below.
        #expect(texts[4].hasPrefix("\r\u{1B}[Kthe refiner takes over"))
        #expect(texts[4].hasSuffix("\n" + texts[3].dropFirst(4)))
        #expect(texts[6].hasPrefix("\r\u{1B}[Kout/cat.png") && texts[6].hasSuffix("s\n"))
        #expect(rendering.end() == "")
    }

    @Test func `an interrupted live line is ended`() {
        var rendering = LiveRendering(width: 80, usesColours: true)
        for report in Self.job.prefix(4) { _ = rendering.text(for: report) }
        #expect(rendering.end() == "\n")
        #expect(rendering.end() == "")
    }

    @Test func `without colours a terminal gets only cursor movements`() {
        var rendering = LiveRendering(width: 80, usesColours: false)
        let text = Self.job.map { rendering.text(for: $0) }.joined()
        #expect(!text.replacing("\r\u{1B}[K", with: "").contains("\u{1B}"))
    }

    @Test func `every JSON line is an object that names its event`() throws {
        struct Line: Decodable { var event: String }
        let failure = GenerationError(.internal, code: "broken", "a \"quoted\"\n\u{1B}word")
        let reports = Self.job + [.notice("n"), .failed(failure)]
        let names = try reports.map { report in
            let text = JSONRendering().text(for: report)
            #expect(text.last == "\n" && text.dropLast().allSatisfy { $0 != "\n" })
            return try JSONDecoder().decode(Line.self, from: Data(text.utf8)).event
        }
        #expect(
            names == [
                "queued", "accepted", "progress", "progress", "handedOff", "progress", "image",
                "notice", "failed",
            ])
    }

    @Test func `the JSON line of an image says where it is`() {
        let text = JSONRendering().text(for: Self.job[6])
        #expect(
            text
                == """
                {"event":"image","jobID":"j1","sequence":5,"timeMilliseconds":1000,\
                "image":{"path":"out\\/cat.png","byteCount":3,"width":128,"height":64,"seed":7,\
                "sha256":"ab01","imageIndex":0,"imageCount":1,"summary":{"baseSteps":3,\
                "refinerSteps":1,"textEncodingSeconds":0.5,"imageEncodingSeconds":0.0,\
                "baseSeconds":12.34,\
                "refinerSeconds":4.0,"decodingSeconds":1.0,"totalSeconds":17.84,"isCutShort":false,\
                "baseEvaluations":0,"refinerEvaluations":0,"sharedEvaluations":0}}}

                """.replacing("\\/", with: "/"))
    }

    @Test(arguments: [
        ("plain", "\"plain\""), ("\"\\", "\"\\\"\\\\\""), ("\n\t\r", "\"\\n\\t\\r\""),
        ("\0\u{1B}\u{2028}", "\"\\u0000\\u001b\\u2028\""), ("日本 😀", "\"日本 😀\""),
    ])
    func `a JSON text is escaped`(text: String, expected: String) {
        #expect(JSONText(text).text == expected)
    }

    @Test func `JSON has no infinity`() {
        #expect(JSONText(Double.nan).text == "null")
        #expect(JSONText(-Double.infinity).text == "null")
    }
}
