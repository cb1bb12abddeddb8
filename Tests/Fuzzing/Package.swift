// swift-tools-version: 6.2
import PackageDescription

// The program that libFuzzer drives. To be built by dev/fuzz, which passes the sanitizers' flags;
// without them there is no main.
let package = Package(
    name: "Fuzzing",
    dependencies: [.package(name: "Refinery", path: "../..")],
    targets: [
        .executableTarget(
            name: "Fuzz", dependencies: [.product(name: "FuzzTargets", package: "Refinery")])
    ]
)
