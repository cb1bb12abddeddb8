import ArgumentParser
import Glibc
import Logging

/// How the log is written.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// The least important lines that are written.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case debug, info, notice, warning, error

    var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        }
    }
}

/// A line of the log for each entry, each in one write: as text for people, or as JSON for programs that collect
/// logs.
///
///     2026-11-28T03:14:15.926Z info job finished id=fox seconds=12.3
///     {"time":"2026-11-28T03:14:15.926Z","level":"info","message":"job finished","id":"fox","seconds":"12.3"}
///
/// What foreign text there is stays on its line and steers no terminal.
struct LogLines: LogHandler {
    var metadata = Logger.Metadata()
    var logLevel: Logger.Level
    let format: LogFormat
    /// Whether each line begins with its priority, as systemd's journal takes it from a service.
    let isForJournal: Bool
    let writer: LogWriter

    init(
        _ format: LogFormat, level: Logger.Level, isForJournal: Bool = Self.isJournalConnected,
        writer: LogWriter
    ) {
        self.format = format
        self.isForJournal = isForJournal
        self.writer = writer
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let pairs = all.sorted { Self.place(of: $0.key) < Self.place(of: $1.key) }
            .map { ($0.key, "\($0.value)") }
        let time = Timestamp.now()
        writer.write(line(event.level, "\(event.message)", pairs, at: time) + "\n") { count in
            let message = "the log was not read: lines that are missing before the next one"
            return line(.warning, message, [("count", "\(count)")], at: time) + "\n"
        }
    }

    func line(
        _ level: Logger.Level, _ message: String, _ pairs: [(String, String)], at time: String
    ) -> String {
        switch format {
        case .text:
            let words = pairs.map { " \($0.0)=\(Self.quotedIfNeeded(Wording.printable($0.1)))" }
            return (isForJournal ? "<\(Self.priority(of: level))>" : "\(time) ")
                + "\(level) \(Wording.printable(message))\(words.joined())"
        case .json:
            let fields = [("time", time), ("level", level.rawValue), ("message", message)] + pairs
            return "{"
                + fields.map { "\(Self.json($0.0)):\(Self.json($0.1))" }.joined(separator: ",")
                + "}"
        }
    }

    /// What it is about comes first, the rest by name.
    private static func place(of key: String) -> (Int, String) {
        (["id", "tenant"].firstIndex(of: key) ?? 2, key)
    }

    private static func quotedIfNeeded(_ text: String) -> String {
        text.isEmpty || text.contains { $0 == " " || $0 == "\"" || $0 == "=" }
            ? "\"\(text.replacing("\"", with: "\\\""))\"" : text
    }

    private static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{20}"..."\u{7E}": result.unicodeScalars.append(scalar)
            default:
                // Beyond 16 bits as a pair.
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return result + "\""
    }

    /// syslog's numbers.
    private static func priority(of level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// systemd names the stream that it has connected to its journal.
    static var isJournalConnected: Bool {
        var status = stat()
        guard let value = getenv("JOURNAL_STREAM"), fstat(2, &status) == 0 else { return false }
        return String(cString: value) == "\(status.st_dev):\(status.st_ino)"
    }
}

/// The time in UTC, as RFC 3339 writes it, to the millisecond.
enum Timestamp {
    static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return text(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    static func text(seconds: Int, milliseconds: Int) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func padded(_ number: Int, _ count: Int = 2) -> String {
            let digits = "\(number)"
            return String(repeating: "0", count: max(0, count - digits.count)) + digits
        }
        let date = [
            padded(Int(parts.tm_year) + 1900, 4), padded(Int(parts.tm_mon) + 1),
            padded(Int(parts.tm_mday)),
        ]
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0)) }
        return "\(date.joined(separator: "-"))T\(clock.joined(separator: ":"))"
            + ".\(padded(milliseconds, 3))Z"
    }
}
