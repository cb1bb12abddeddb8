/// Merges the bytes of a word into tokens: again and again the pair of neighbours whose merge ranks
/// first, the leftmost of equals, until no pair can be merged.
///
/// A heap holds the possible merges, so a word of n bytes takes O(n log n). The storage is kept from
/// word to word.
struct BytePairMerger {
    private let table: MergeTable
    /// The word as a linked list over its byte positions. A token sits at its first byte.
    private var nodes: [Node] = []
    private var candidates = MinimumHeap()

    private struct Node {
        /// Nil once merged into a node to the left.
        var token: Int32?
        var previous: Int
        /// The word's length at the last one.
        var next: Int
    }

    init(_ table: MergeTable) { self.table = table }

    /// Appends the tokens of one word, which is not empty.
    mutating func append(tokensOf word: Substring.UTF8View, to tokens: inout [Int32]) {
        nodes.removeAll(keepingCapacity: true)
        for byte in word {
            let token = table.symbols[Int(byte)]
            nodes.append(Node(token: token, previous: nodes.count - 1, next: nodes.count + 1))
        }
        nodes[nodes.count - 1].token? += MergeTable.endOfWord

        for position in nodes.indices { consider(position) }
        while let candidate = candidates.popFirst() {
            let position = Int(candidate & 0xffff_ffff)
            let merged = Int32(candidate >> 32)
            // The neighbours may have changed since.
            if merge(at: position) == merged { join(position, into: merged) }
        }

        for case let token? in nodes.lazy.map(\.token) { tokens.append(token) }
    }

    /// What the token at `position` and its right neighbour make.
    private func merge(at position: Int) -> Int32? {
        let next = nodes[position].next
        guard next < nodes.count, let left = nodes[position].token, let right = nodes[next].token
        else { return nil }
        return table.merge(left, right)
    }

    private mutating func consider(_ position: Int) {
        guard let merged = merge(at: position) else { return }
        candidates.insert(UInt64(merged) << 32 | UInt64(position))
    }

    private mutating func join(_ position: Int, into merged: Int32) {
        let absorbed = nodes[position].next
        let next = nodes[absorbed].next
        nodes[absorbed].token = nil
        nodes[position].token = merged
        nodes[position].next = next
        if next < nodes.count { nodes[next].previous = position }
        consider(position)
        if nodes[position].previous >= 0 { consider(nodes[position].previous) }
    }
}
