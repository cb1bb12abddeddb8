import ArgumentParser
import Generation
import SDXL
import Testing

@testable import refinery

struct BenchOptionsTests {
    private static func options(_ arguments: String...) throws -> BenchOptions {
        let command = try Refinery.parseAsRoot(["bench"] + arguments)
        return try #require(command as? BenchCommand).options
    }

    @Test func `without flags every part of the built-in models is measured, both ways`() throws {
        let bench = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID)
        let items = try Self.options().items(bench)
        #expect(
            items.map { "\($0.part) \($0.images)" } == [
                "text 1", "text 2", "base 1", "base 2", "refiner 1", "refiner 2", "decode 1",
                "encode 1",
            ])
        #expect(items.allSatisfy { $0.size == ImageSize(height: 128, width: 128) })
    }

    @Test func `texts, which see no size, are measured once`() throws {
        let bench = try Workbench(
            catalog: ModelCatalog(), base: ModelCatalog.tinyBaseID)
        let items = try Self.options(
            "--size", "64x128", "--size", "128x64", "--parts", "decode,text", "--guidance", "on"
        ).items(bench)
        let (tall, wide) = (ImageSize(height: 128, width: 64), ImageSize(height: 64, width: 128))
        #expect(
            items == [
                .init(part: .decode, size: tall, images: 1),
                .init(part: .text, size: tall, images: 2),
                .init(part: .decode, size: wide, images: 1),
            ])
    }

    @Test(arguments: [
        ["--size", "512"], ["--size", "510x512"], ["--size", "0x8"], ["--parts", "nonsense"],
        ["--parts", "text,"], ["--runs", "0"], ["--guidance", "maybe"], ["--turns", "--json"],
        ["--turns", "--profile"], ["--save", "file"],
    ])
    func `bad usage is refused`(arguments: [String]) {
        #expect(throws: (any Error).self) { try Refinery.parseAsRoot(["bench"] + arguments) }
    }

    @Test func `turns need one thing to run`() throws {
        let command = try #require(
            try Refinery.parseAsRoot(["bench", "--turns", "--parts", "base"]) as? BenchCommand)
        #expect(throws: UsageError.self) { try command.run() }
    }
}
