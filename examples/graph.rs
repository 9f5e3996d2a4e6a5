//! A graph of millions of edges that is built once: the next run opens it, and can ask at once.
//!
//! The edges lie as compact adjacency, in two vectors: the neighbours of all nodes one behind the other, and where those of
//! each node begin. They need no pointers, so nothing has to be read, rebuilt or put right when the heap is opened.
//!
//! ```text
//! cargo run --release --example graph              # eight million edges; the argument says another number
//! cargo run --release --example graph              # again: opens and answers
//! ```

use std::time::Instant;

use outlive::{PVec, Persist};

outlive::heap!(struct GraphHeap);

/// Edges a node, at which the graph is connected and any two nodes are a few steps apart.
const EDGES_A_NODE: u32 = 8;

/// Nodes are numbers; edges go both ways.
#[derive(Persist)]
struct Graph<'h> {
    /// Where each node's neighbours begin in `neighbours`, and at last where the last one's end.
    starts: PVec<u32, GraphHeap<'h>>,
    neighbours: PVec<u32, GraphHeap<'h>>,
}

/// A number that looks like chance, and is the same in every run.
fn scrambled(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The edge list: a ring through all nodes, and edges across it.
fn edges(nodes: u32, count: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..count).map(move |edge| {
        let from = edge % nodes;
        let far = u32::try_from(scrambled(u64::from(edge)) % u64::from(nodes)).expect("less than a `u32`");
        (from, if edge < nodes { (from + 1) % nodes } else { far })
    })
}

impl<'h> Graph<'h> {
    /// Sorts the edges by their ends: counts each node's, adds the counts up, and puts each edge where its node's go.
    fn new(nodes: u32, count: u32, heap: GraphHeap<'h>) -> Self {
        let zeros = |len: usize| PVec::from_iter_in(std::iter::repeat_n(0_u32, len), heap);
        let mut starts = zeros(nodes as usize + 1);
        let mut neighbours = zeros(2 * count as usize);
        let ends = starts.as_mut_slice();
        for (from, to) in edges(nodes, count) {
            ends[from as usize] += 1;
            ends[to as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut *ends {
            sum += *end;
            *end = sum;
        }
        let places = neighbours.as_mut_slice();
        let mut put = |node: u32, neighbour: u32| {
            // From its end on towards its start, which this is when all are there.
            ends[node as usize] -= 1;
            places[ends[node as usize] as usize] = neighbour;
        };
        for (from, to) in edges(nodes, count) {
            put(from, to);
            put(to, from);
        }
        Self { starts, neighbours }
    }

    fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    fn neighbours(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.neighbours[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// How many steps each node is away from this one.
    fn distances(&self, from: u32) -> Vec<Option<u32>> {
        let mut distances = vec![None; self.nodes()];
        distances[from as usize] = Some(0);
        let (mut reached, mut steps) = (vec![from], 0);
        while !reached.is_empty() {
            steps += 1;
            let mut next = Vec::new();
            for &neighbour in reached.iter().flat_map(|node| self.neighbours(*node)) {
                let distance = &mut distances[neighbour as usize];
                if distance.is_none() {
                    *distance = Some(steps);
                    next.push(neighbour);
                }
            }
            reached = next;
        }
        distances
    }
}

fn answer(graph: &Graph<'_>) {
    let mut neighbours = graph.neighbours(7).to_vec();
    neighbours.sort_unstable();
    println!("node 7 has the neighbours {neighbours:?}");
    let begun = Instant::now();
    let distances = graph.distances(0);
    let took = begun.elapsed();
    let half = graph.nodes() / 2;
    println!("node {half} is {} steps from node 0", distances[half].unwrap_or(u32::MAX));
    for steps in 0..=distances.iter().flatten().copied().max().unwrap_or(0) {
        let count = distances.iter().filter(|distance| **distance == Some(steps)).count();
        println!("  {count} nodes at {steps} steps");
    }
    println!("the search took {took:.1?}");
}

fn main() -> Result<(), outlive::Error> {
    let count =
        std::env::args().nth(1).map_or(8_000_000, |count| count.parse::<u32>().expect("a number of edges"));
    assert!((16..1 << 31).contains(&count), "from 16 edges to 2 billion");
    let nodes = count / EDGES_A_NODE;
    let path = std::env::temp_dir().join(format!("outlive-graph-{count}.heap"));
    let (begun, mut built) = (Instant::now(), false);
    let graph = GraphHeap::open::<Graph>(&path, |heap| {
        built = true;
        Graph::new(nodes, count, heap)
    })?;
    let took = begun.elapsed();
    let how = if built { "built and persisted" } else { "opened" };
    println!("{count} edges between {nodes} nodes, {how} in {took:.1?}, in {}", path.display());
    graph.read(answer)?;
    graph.close()
}
