import ArgumentParser
import Generation

/// `serve --config FILE`: the command's flags, a line each, without their hyphens.
///
///     # Comments begin with a number sign.
///     listen = 127.0.0.1:7420
///     listen = unix:/run/refinery/socket
///     models = /srv/models
///     log-prompts = no
///
/// So a flag that may be repeated stands there as often, one without a value is `yes` or `no`, and what
/// the command line says of a flag takes the place of all that the file says of it.
struct ConfigurationFile {
    /// Of one line that sets something.
    private struct Setting {
        var key: String
        var value: String
    }

    /// A flag that `serve` has.
    struct Flag: Equatable {
        var name: String
        var takesValue: Bool
    }

    private let settings: [Setting]

    /// - Parameter source: what the file is called in errors.
    /// - Throws: ``UsageError`` with the line.
    init(_ text: String, source: String, flags: [Flag]) throws {
        var settings: [Setting] = []
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let place = "\(source), line \(index + 1)"
            let line = Self.trimmed(line)
            guard let first = line.first, first != "#" else { continue }
            guard let sign = line.firstIndex(of: "=") else {
                throw UsageError("\(place): there is no = in it. Write: KEY = VALUE")
            }
            let key = String(Self.trimmed(line[..<sign]))
            let value = String(Self.trimmed(line[line.index(after: sign)...]))
            guard let flag = flags.first(where: { $0.name == key }) else {
                let near = nearest(to: key, among: flags.map(\.name))
                throw UsageError(
                    "\(place): there is no \"\(key)\". "
                        + (near.map { "Did you mean \($0)? " } ?? "")
                        + "The keys are serve's flags: see refinery serve --help.")
            }
            guard flag.takesValue || ["yes", "no"].contains(value) else {
                throw UsageError("\(place): \(key) is yes or no.")
            }
            guard !value.isEmpty else { throw UsageError("\(place): \(key) has no value.") }
            if flag.takesValue {
                settings.append(Setting(key: key, value: value))
            } else if value == "yes" {
                settings.append(Setting(key: key, value: ""))
            }
        }
        self.settings = settings
    }

    /// The flags that the file stands for, but for those of the command line.
    func arguments(besides given: [String]) -> [String] {
        settings.filter { setting in
            !given.contains { $0 == "--\(setting.key)" || $0.hasPrefix("--\(setting.key)=") }
        }.map { $0.value.isEmpty ? "--\($0.key)" : "--\($0.key)=\($0.value)" }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let rest = text.drop(while: \.isWhitespace)
        guard let last = rest.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return rest[...last]
    }
}

extension ConfigurationFile {
    /// The command line with what the file of `serve --config` says, if it names one.
    ///
    /// - Throws: ``UsageError``, ``FileError``.
    static func expand(_ arguments: [String]) throws -> [String] {
        guard arguments.first == ServeCommand._commandName,
            let path = path(in: arguments)
        else { return arguments }
        let file = try ConfigurationFile(
            String(decoding: try Files.read(path), as: UTF8.self), source: path, flags: flags)
        return [arguments[0]] + file.arguments(besides: arguments) + arguments.dropFirst()
    }

    private static func path(in arguments: [String]) -> String? {
        let prefix = "--config="
        if let joined = arguments.last(where: { $0.hasPrefix(prefix) }) {
            return String(joined.dropFirst(prefix.count))
        }
        guard let index = arguments.lastIndex(of: "--config"), index + 1 < arguments.count else {
            return nil
        }
        return arguments[index + 1]
    }

    /// What `serve --help` lists, but for the file's own name and for help.
    static var flags: [Flag] {
        let lines = ServeCommand.helpMessage(columns: 10_000).split(separator: "\n")
        return lines.compactMap { line in
            guard let match = line.firstMatch(of: #/^  (?:-\w, )?--([a-z-]+)( <)?/#) else {
                return nil
            }
            let name = String(match.1)
            guard !["config", "help", "version"].contains(name) else { return nil }
            return Flag(name: name, takesValue: match.2 != nil)
        }
    }
}
