extension SamplerHistory {
    /// Its stored form, from which a sampler made alike goes on bit for bit. Only between steps.
    public func write(to writer: inout StateWriter) {
        precondition(stage == 0, "a history is stored between whole steps only")
        writer.write(Int64(step))
        writer.write(Int64(firstStep))
        writer.write(Int64(buffers.count))
        for buffer in buffers { writer.write(buffer) }
    }

    /// Takes the place of this history, which is that of a sampler just made.
    ///
    /// - Throws: when it is another sampler's, or none.
    public mutating func read(
        from reader: inout StateReader, stepCount: Int
    ) throws(DamagedState) {
        let step = try reader.readIndex(in: 0...stepCount)
        let firstStep = try reader.readIndex(in: 0...step)
        _ = try reader.readIndex(in: buffers.count...buffers.count)
        for index in buffers.indices {
            buffers[index] = try reader.readFloats(count: buffers[index].count)
        }
        self.step = step
        self.firstStep = firstStep
        stage = 0
    }
}
