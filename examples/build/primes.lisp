; What the built interpreter is tried on.
(define fold (lambda (f start list)
  (if list (fold f (f start (head list)) (tail list)) start)))
(define reverse (lambda (list) (fold (lambda (done each) (cons each done)) nil list)))
(define filter (lambda (keep list)
  (reverse (fold (lambda (kept each) (if (keep each) (cons each kept) kept)) nil list))))
(define range (lambda (from to) (if (< from to) (cons from (range (+ from 1) to)) nil)))

(define sieve (lambda (list found)
  (if list
    (sieve (filter (lambda (n) (< 0 (mod n (head list)))) (tail list)) (cons (head list) found))
    (reverse found))))
(define primes (sieve (range 2 2000) nil))
(print (filter (lambda (n) (< n 60)) primes))
(print (fold + 0 primes))

(define steps (lambda (n done)
  (if (= n 1) done (steps (if (= 0 (mod n 2)) (/ n 2) (+ 1 (* 3 n))) (+ done 1)))))
(print (steps 837799 0))
