// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// C targets hold the hot loops: optimised in debug builds too.
let optimised: [CSetting] = [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swift)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: swift)
}

let package = Package(
    name: "Refinery",
    products: [
        .executable(name: "refinery", targets: ["refinery"]),
        .library(name: "RefineryClient", targets: ["Client"]),
        // For the nested package Tests/Fuzzing.
        .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    ],
    targets: [
        // The system libraries: a module map and a shim header each.
        .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .systemLibrary(
            name: "CProtobufC", pkgConfig: "libprotobuf-c",
            providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CLibpng", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        // Our C.
        .target(
            name: "COpenBLAS", cSettings: optimised,
            // Static: only then can the core type be chosen before the library's own constructor.
            linkerSettings: [
                .linkedLibrary(":libopenblas.a"), .linkedLibrary("m"), .linkedLibrary("pthread"),
            ]),
        .target(name: "CKernels", cSettings: optimised),
        .target(name: "CMappedFiles", cSettings: optimised),
        .target(name: "CPNGShim", dependencies: ["CLibpng"], cSettings: optimised),
        .target(name: "CRefineryProto", dependencies: ["CProtobufC"]),
        .target(name: "CVocabulary", exclude: ["merges.txt"]),
        .target(
            name: "CEmbeddedModels",
            exclude: [
                "emoji.safetensors", "emoji-refiner.safetensors", "tiny-base.safetensors",
                "tiny-refiner.safetensors",
            ]),

        // The path of a request, from the inside out.
        module("Locking"),
        module("Generation"),
        module("Metrics", ["Locking"]),
        module("Tokenization", ["CVocabulary"]),
        module("Diffusion"),
        module("Tensors", ["COpenBLAS", "CKernels"]),
        module("Weights", ["Tensors", "CMappedFiles"]),
        module(
            "SDXL",
            [
                "Generation", "Tokenization", "Diffusion", "Tensors", "Weights", "Locking",
                "CEmbeddedModels",
            ]),
        module("PNGEncoding", ["Generation", "CLibpng", "CPNGShim"]),
        module("Wire", ["Generation", "CProtobufC", "CRefineryProto"]),
        module("Transport", ["CLibuv", "Locking"]),
        module("Jobs", ["Generation", "PNGEncoding", "Metrics", "Locking", "CSQLite"]),
        module(
            "Server",
            [
                "Transport", "Wire", "Jobs", "Generation", "Metrics", "Locking",
                .product(name: "Logging", package: "swift-log"),
            ]),
        module("Client", ["Transport", "Wire", "Generation", "Locking"]),
        .executableTarget(
            name: "refinery",
            dependencies: [
                "Server", "Client", "SDXL", "Jobs", "Generation", "Metrics", "PNGEncoding",
                "Diffusion", "Tensors", "Weights", "Transport", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: swift),

        // Tests.
        .target(
            name: "TestSupport", dependencies: ["Generation", "Weights", "CLibpng"],
            path: "Tests/TestSupport",
            swiftSettings: swift),
        .target(
            name: "ServerProcesses", dependencies: ["Client"], path: "Tests/ServerProcesses",
            swiftSettings: swift),
        // Stands in for malloc in the test executable: counts, and fails.
        .target(
            name: "CAllocationCounter", path: "Tests/CAllocationCounter", cSettings: optimised),
        // Lies below SQLite in the test executable.
        .target(
            name: "CFaultyFiles", dependencies: ["CSQLite"], path: "Tests/CFaultyFiles",
            cSettings: optimised),
        tests(
            "AllocationTests",
            ["SDXL", "Generation", "Diffusion", "Tensors", "Weights", "CAllocationCounter"]),
        tests("GenerationTests", ["Generation", "TestSupport"]),
        tests("MetricsTests", ["Metrics"]),
        tests("TokenizationTests", ["Tokenization", "TestSupport"]),
        tests("DiffusionTests", ["Diffusion", "TestSupport"]),
        tests(
            "TensorsTests",
            ["Tensors", "CKernels", "COpenBLAS", "TestSupport", "CAllocationCounter"]),
        tests("WeightsTests", ["Weights", "Tensors", "TestSupport"]),
        tests(
            "SDXLTests",
            [
                "SDXL", "Generation", "Diffusion", "Tokenization", "Tensors", "Weights", "CKernels",
                "TestSupport",
            ]),
        tests(
            "PNGEncodingTests",
            ["PNGEncoding", "CPNGShim", "Generation", "TestSupport", "CAllocationCounter"]),
        tests(
            "WireTests",
            [
                "Wire", "CProtobufC", "CRefineryProto", "Generation", "TestSupport",
                "CAllocationCounter",
            ]),
        tests("TransportTests", ["Transport", "Locking", "TestSupport"]),
        tests("ClientTests", ["Client", "Transport", "Wire", "Generation", "Locking"]),
        tests(
            "JobsTests",
            ["Jobs", "Generation", "Metrics", "PNGEncoding", "TestSupport", "CFaultyFiles"]),
        tests(
            "EndToEndTests",
            [
                "Server", "Client", "SDXL", "Jobs", "Generation", "Metrics", "Transport", "Wire",
                "PNGEncoding", "Tensors", "Weights", "Locking", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests(
            "CommandTests",
            [
                "refinery", "Client", "Generation", "Jobs", "SDXL", "Tensors", "Transport", "Wire",
                "ServerProcesses", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests(
            "KillTests",
            [
                "refinery", "Client", "Wire", "Generation", "PNGEncoding", "ServerProcesses",
                "TestSupport",
            ]),
        tests(
            "ConformanceTests",
            ["refinery", "Client", "Wire", "Generation", "Transport", "ServerProcesses"]),
        tests(
            "StressTests",
            [
                "refinery", "Client", "Generation", "Locking", "Transport", "Wire",
                "ServerProcesses", "TestSupport", "CAllocationCounter",
            ]),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Generation", "PNGEncoding", "SDXL", "Tensors", "Tokenization", "Weights", "Wire",
            ],
            path: "Tests/Fuzzing/Targets", swiftSettings: swift),
        tests("FuzzingTests", ["FuzzTargets", "TestSupport"]),
        tests("TidyTests", []),
    ]
)
