//! The live side: what comes in becomes one step of a customer and one durable commit, and what follows is carried out.
