import Glibc

/// Which pictures the terminal shows, found without asking the person.
extension TerminalGraphics {
    /// What the environment tells.
    enum Guess: Equatable {
        case known(TerminalGraphics)
        /// It has no pictures, or something lies between that loses them.
        case none
        /// The terminal itself may know whether it has sixels.
        case ask
    }

    /// - Parameter environment: the value of a variable; nil when unset or empty.
    static func guess(_ environment: (String) -> String?) -> Guess {
        let term = environment("TERM") ?? "dumb"
        // Programs that share out a terminal pass on no pictures unless told to.
        if environment("TMUX") != nil || environment("STY") != nil
            || ["screen", "tmux", "dumb", "linux"].contains(where: term.hasPrefix)
        {
            return .none
        }
        if environment("KITTY_WINDOW_ID") != nil || ["xterm-kitty", "xterm-ghostty"].contains(term)
        {
            return .known(.kitty)
        }
        switch environment("TERM_PROGRAM") {
        case "iTerm.app", "mintty": return .known(.iterm)
        case "WezTerm", "ghostty": return .known(.kitty)
        case "Apple_Terminal": return .none
        default: break
        }
        // The same, through a connection that sets few variables.
        if environment("LC_TERMINAL") == "iTerm2" { return .known(.iterm) }
        if let version = environment("KONSOLE_VERSION").flatMap(Int.init) {
            return version >= 220_400 ? .known(.kitty) : .none
        }
        if term.hasPrefix("foot") || term.hasPrefix("mlterm") { return .known(.sixel) }
        // An answer that comes late would be taken for what the person types.
        return environment("SSH_CONNECTION") == nil ? .ask : .none
    }

    /// Whether a terminal's answer to "what are you" (DA1, `ESC [ ? 6 2 ; 4 ; ... c`) has sixels, 4, in it; nil
    /// while it is not whole.
    static func hasSixels(answer: [UInt8]) -> Bool? {
        let start = Array("\u{1B}[?".utf8)
        guard let begin = answer.indices.first(where: { answer[$0...].starts(with: start) }),
            let end = answer[begin...].firstIndex(of: UInt8(ascii: "c"))
        else { return nil }
        let numbers = answer[(begin + start.count)..<end].split(separator: UInt8(ascii: ";"))
        return numbers.dropFirst().contains { Array($0) == [UInt8(ascii: "4")] }
    }

    /// What the terminal at standard output shows; nil for none, or where there is no terminal.
    static func detected() -> TerminalGraphics? {
        guard Terminal.width(of: .output) != nil else { return nil }
        switch guess(Terminal.environment) {
        case .known(let graphics): return graphics
        case .none: return nil
        case .ask: return Terminal.ask("\u{1B}[c", until: hasSixels) == true ? .sixel : nil
        }
    }
}

extension Terminal {
    /// Sends a question to the terminal that is standard input and output, and reads its answer.
    ///
    /// Only in the foreground, where reading is this process' right, and when nothing has been typed that
    /// would be lost. The terminal is as it was afterwards.
    ///
    /// - Parameter parse: of the answer so far; nil until it is whole.
    /// - Returns: nil where there is no answer within 0.2 seconds.
    static func ask<Answer>(_ question: String, until parse: ([UInt8]) -> Answer?) -> Answer? {
        guard isatty(0) == 1, tcgetpgrp(0) == getpgrp() else { return nil }
        var before = termios()
        guard tcgetattr(0, &before) == 0 else { return nil }
        var silent = before
        // No echo, no waiting for the end of a line, and reads return at once.
        silent.c_lflag &= ~tcflag_t(ICANON | ECHO)
        withUnsafeMutableBytes(of: &silent.c_cc) { characters in
            characters[Int(VMIN)] = 0
            characters[Int(VTIME)] = 0
        }
        guard tcsetattr(0, TCSANOW, &silent) == 0 else { return nil }
        defer { tcsetattr(0, TCSANOW, &before) }
        var descriptor = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) == 0 else { return nil }
        write(question, to: .output)
        var answer: [UInt8] = []
        let end = ContinuousClock.now + .milliseconds(200)
        while ContinuousClock.now < end, answer.count < 256 {
            let left = max(1, Int32((end - .now) / .milliseconds(1)))
            guard poll(&descriptor, 1, left) > 0 else { return nil }
            var byte: UInt8 = 0
            guard read(0, &byte, 1) == 1 else { return nil }
            answer.append(byte)
            if let parsed = parse(answer) { return parsed }
        }
        return nil
    }
}
