extension String {
    /// Safe to print on one line of a terminal: anything but printable ASCII is escaped, and no more
    /// than `limit` characters of it are kept. For whatever a client chose.
    func loggable(limit: Int = 128) -> String {
        var result = ""
        for scalar in unicodeScalars.prefix(limit) {
            if scalar == "\\" || !(" "..."~").contains(scalar) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return unicodeScalars.count > limit ? result + "..." : result
    }
}

extension Duration {
    /// For logs: to the millisecond.
    var seconds: Double { (self / .milliseconds(1)).rounded() / 1000 }
}
