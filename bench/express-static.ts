// `node express-static.js <root> <port>`: what most programs serve files with.
import express from 'express';

const [root = '.', port] = process.argv.slice(2);
express().use(express.static(root)).listen(Number(port), '127.0.0.1');
